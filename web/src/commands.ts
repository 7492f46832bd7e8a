/** What a person tells the server to do from this page. */
import { inject, shallowRef, type InjectionKey, type ShallowRef } from "vue";
import { get, post, Problem } from "./api/client";
import type { AgentName, CloseAnswer, Done, Lineage, StageAnswer } from "./api/types";
import type { Session } from "./session";

const STAGES = {
  collector: "/api/trading-pipeline/force-collect",
  predictor: "/api/trading-pipeline/force-predict",
  strategy: "/api/trading-pipeline/force-signals",
  trader: "/api/trading-pipeline/force-execute",
} as const satisfies Record<AgentName, string>;

/** Every method throws a `Problem` when the server refuses. */
export class Commands {
  private readonly session: Session;

  constructor(session: Session) {
    this.session = session;
  }

  start(): Promise<Done> {
    return this.session.authorised((token) => post("/api/trading-pipeline/start", undefined, { token }));
  }

  stop(): Promise<Done> {
    return this.session.authorised((token) => post("/api/trading-pipeline/stop", undefined, { token }));
  }

  force(agent: AgentName): Promise<StageAnswer> {
    return this.session.authorised((token) => post(STAGES[agent], undefined, { token }));
  }

  halt(why: string): Promise<unknown> {
    return this.session.authorised((token) => post("/api/risk/halt", { why }, { token }));
  }

  resume(why: string): Promise<unknown> {
    return this.session.authorised((token) => post("/api/risk/resume", { why }, { token }));
  }

  close(position_id: string): Promise<CloseAnswer> {
    const ids = { position_id };
    return this.session.authorised((token) => post("/api/positions/{position_id}/close", undefined, { token, ids }));
  }

  closeAll(): Promise<CloseAnswer> {
    return this.session.authorised((token) => post("/api/positions/close-all", undefined, { token }));
  }

  async lineage(decision_id: string): Promise<Lineage> {
    const ids = { decision_id };
    const asked = this.session.authorised((token) => get("/api/decisions/{decision_id}/lineage", { token, ids }));
    return (await asked).lineage;
  }

  signOut(): Promise<void> {
    return this.session.signOut();
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
