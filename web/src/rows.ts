/** A window over many rows: only those in sight, and a few around them, are in the document. */
import { computed, shallowRef, type ComputedRef } from "vue";

const AROUND = 8;

export interface RowWindow<Row> {
  /** The rows to render. */
  readonly visible: ComputedRef<readonly Row[]>;
  /** Heights that stand for the rows above and below, in pixels. */
  readonly above: ComputedRef<number>;
  readonly below: ComputedRef<number>;
  onScroll(event: Event): void;
}

/** A window over *rows*, each *height* pixels high, in a box that shows *box* pixels of them. */
export function useRowWindow<Row>(rows: () => readonly Row[], height: number, box: number): RowWindow<Row> {
  const top = shallowRef(0);
  const first = computed(() => {
    const last = Math.max(0, rows().length - Math.ceil(box / height));
    return Math.max(0, Math.min(last, Math.floor(top.value / height)) - AROUND);
  });
  const end = computed(() => Math.min(rows().length, first.value + Math.ceil(box / height) + 2 * AROUND));
  return {
    visible: computed(() => rows().slice(first.value, end.value)),
    above: computed(() => first.value * height),
    below: computed(() => (rows().length - end.value) * height),
    onScroll(event) {
      if (event.target instanceof HTMLElement) top.value = event.target.scrollTop;
    },
  };
}
