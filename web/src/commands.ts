/** What a person tells the server to do from this page. */
import { inject, shallowRef, type InjectionKey, type ShallowRef } from "vue";
import { Problem } from "./api/client";
import type { CloseAnswer, Done, Lineage, LineageAnswer, StageAnswer } from "./api/types";
import type { Session } from "./session";

export class Commands {
  private readonly session: Session;

  constructor(session: Session) {
    this.session = session;
  }

  start = (): Promise<Done> => this.post("/api/trading-pipeline/start");
  stop = (): Promise<Done> => this.post("/api/trading-pipeline/stop");
  force = (stage: string): Promise<StageAnswer> => this.post(`/api/trading-pipeline/${stage}`);
  halt = (why: string): Promise<Done> => this.post("/api/risk/halt", { why });
  resume = (why: string): Promise<Done> => this.post("/api/risk/resume", { why });
  close = (id: string): Promise<CloseAnswer> => this.post(`/api/positions/${encodeURIComponent(id)}/close`);
  closeAll = (): Promise<CloseAnswer> => this.post("/api/positions/close-all");
  signOut = (): Promise<void> => this.session.signOut();

  async lineage(id: string): Promise<Lineage> {
    const path = `/api/decisions/${encodeURIComponent(id)}/lineage`;
    return (await this.session.authorised<LineageAnswer>(path, "GET")).lineage;
  }

  private post<Answer>(path: string, body?: unknown): Promise<Answer> {
    return this.session.authorised<Answer>(path, "POST", body);
  }
}

export const COMMANDS: InjectionKey<Commands> = Symbol("commands");

export function useCommands(): Commands {
  const commands = inject(COMMANDS);
  if (commands === undefined) throw new Error("no commands are provided to this component");
  return commands;
}

export interface Attempt {
  readonly busy: ShallowRef<boolean>;
  readonly problem: ShallowRef<Problem | null>;
  /** Run *work*; its answer, or null when the server refused, which *problem* then says. */
  run<Answer>(work: () => Promise<Answer>): Promise<Answer | null>;
}

/** One thing that can be under way, and what went wrong with it last. */
export function useAttempt(): Attempt {
  const busy = shallowRef(false);
  const problem = shallowRef<Problem | null>(null);
  return {
    busy,
    problem,
    async run(work) {
      busy.value = true;
      problem.value = null;
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        problem.value = error;
        return null;
      } finally {
        busy.value = false;
      }
    },
  };
}
