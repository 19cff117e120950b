/**
 * From the steps of a filter to the statements of a policy: branches become skips forward. Written so that what Calico
 * renders comes out as one would write it by hand: nested conditions in one statement, verdicts where they fall.
 */

import type { Action, Match, Policy, Statement } from '../../rib/policy/policy.ts';
import { type Attribute, all, alternatives, attributesOf, type Condition, not } from './condition.ts';
import { groupStatements } from './group-statements.ts';
import type { Label, Step } from './program.ts';
import { simplifySteps } from './simplify-steps.ts';

/** Statements of one branch; beyond it, the condition is asked once and skipped over. */
const MAX_ALTERNATIVES = 8;

/** A statement on its way to its place; `jump` is where it goes when it goes on. */
export interface Line {
  readonly kind: 'line';
  readonly name: string;
  readonly matches: readonly Match[];
  readonly actions: readonly Action[];
  verdict: 'accept' | 'reject' | 'next';
  jump: Mark | null;
}

/** A place between lines that lines jump to. */
export class Mark {
  readonly kind = 'mark';
}

class Writer {
  readonly items: (Line | Mark)[] = [];
  readonly #marks = new Map<Label, Mark>();

  write(steps: readonly Step[]): void {
    for (const step of steps) this.#step(step);
  }

  #line(
    name: string,
    matches: readonly Match[],
    actions: readonly Action[],
    verdict: Line['verdict'],
    jump: Mark | null,
  ): void {
    this.items.push({ kind: 'line', name, matches, actions, verdict, jump });
  }

  #step(step: Step): void {
    switch (step.kind) {
      case 'do':
        this.#line(step.name, [], step.actions, step.verdict, null);
        return;
      case 'leave':
        this.#line(step.name, [], [], 'next', this.#markOf(step.label));
        return;
      case 'block': {
        const mark = this.#markOf(step.label);
        this.write(step.body);
        this.items.push(mark);
        return;
      }
      case 'if':
        return this.#if(step);
    }
  }

  #markOf(label: Label): Mark {
    let mark = this.#marks.get(label);
    if (mark === undefined) {
      mark = new Mark();
      this.#marks.set(label, mark);
    }
    return mark;
  }

  #if(step: Extract<Step, { kind: 'if' }>): void {
    const { condition, consequence, otherwise, name } = step;
    if (this.#writeAlone(condition, consequence, otherwise, name)) return;
    if (this.#writeNested(condition, consequence, otherwise)) return;
    const [elseMark, end] = [new Mark(), new Mark()];
    this.#unless(condition, elseMark, name);
    this.write(consequence);
    if (otherwise.length > 0 && !ends(consequence)) this.#line(name, [], [], 'next', end);
    this.items.push(elseMark);
    this.write(otherwise);
    this.items.push(end);
  }

  /** A branch of one verdict or of a few actions needs no skips. */
  #writeAlone(condition: Condition, consequence: readonly Step[], otherwise: readonly Step[], name: string): boolean {
    if (consequence.length !== 1 || consequence[0].kind === 'if' || consequence[0].kind === 'block') return false;
    const [only] = consequence;
    const isFinal = only.kind === 'leave' || only.verdict !== 'next';
    if (!isFinal && otherwise.length > 0) return false;
    const found = alternatives(condition, isFinal ? MAX_ALTERNATIVES : 1);
    if (found === null) return false;
    for (const matches of found) {
      if (only.kind === 'leave') this.#line(name, matches, [], 'next', this.#markOf(only.label));
      else this.#line(name, matches, only.actions, only.verdict, null);
    }
    this.write(otherwise);
    return true;
  }

  /** Conditions around one or two others are asked together with them, unless what is in between changes them. */
  #writeNested(condition: Condition, consequence: readonly Step[], otherwise: readonly Step[]): boolean {
    if (otherwise.length > 0 || consequence.length === 0 || consequence.length > 2) return false;
    const outer = attributesOf(condition);
    const inner: Extract<Step, { kind: 'if' }>[] = [];
    for (const step of consequence) {
      if (step.kind !== 'if' || step.otherwise.length > 0) return false;
      inner.push(step);
    }
    if (inner.length > 1 && inner.some((step) => !isPure(step.consequence) || step.consequence.length !== 1))
      return false;
    if (inner.length > 1 && outer.size > 0 && inner.some((step) => touches(step.consequence, outer))) return false;
    for (const step of inner) this.#if({ ...step, condition: all(condition, step.condition) });
    return true;
  }

  /** Goes to the mark unless the condition holds. */
  #unless(condition: Condition, mark: Mark, name: string): void {
    const failing = alternatives(not(condition), MAX_ALTERNATIVES);
    if (failing !== null) {
      for (const matches of failing) this.#line(name, matches, [], 'next', mark);
      return;
    }
    if (condition.kind === 'all') {
      for (const part of condition.of) this.#unless(part, mark, name);
      return;
    }
    // Constants and matches have few alternatives, so this is `any`.
    const body = new Mark();
    for (const part of condition.kind === 'any' ? condition.of : [condition]) this.#when(part, body, name);
    this.#line(name, [], [], 'next', mark);
    this.items.push(body);
  }

  /** Goes to the mark when the condition holds. */
  #when(condition: Condition, mark: Mark, name: string): void {
    const holding = alternatives(condition, MAX_ALTERNATIVES);
    if (holding !== null) {
      for (const matches of holding) this.#line(name, matches, [], 'next', mark);
      return;
    }
    const past = new Mark();
    this.#unless(condition, past, name);
    this.#line(name, [], [], 'next', mark);
    this.items.push(past);
  }
}

/** Whether no way leads out of the end of steps. */
function ends(steps: readonly Step[]): boolean {
  const last = steps.at(-1);
  if (last === undefined) return false;
  if (last.kind === 'do') return last.verdict !== 'next';
  return last.kind === 'leave';
}

/** Only verdicts, so that the order of questions does not matter to what they see. */
function isPure(steps: readonly Step[]): boolean {
  return steps.every((step) => step.kind === 'do' && step.verdict !== 'next');
}

function touches(steps: readonly Step[], attributes: ReadonlySet<Attribute>): boolean {
  return attributes.size > 0 && !isPure(steps);
}

/** The place that a mark stands for: the index of the first line behind it. */
function places(items: readonly (Line | Mark)[]): Map<Mark, number> {
  const found = new Map<Mark, number>();
  let index = 0;
  for (const item of items) {
    if (item.kind === 'mark') found.set(item, index);
    else index++;
  }
  return found;
}

/** Lines as they are needed: jumps to verdicts are verdicts, what cannot be reached or does nothing goes. */
function tidy(given: readonly (Line | Mark)[]): (Line | Mark)[] {
  let items = [...given];
  for (let size = -1; size !== items.length; ) {
    size = items.length;
    const lines = items.filter((item): item is Line => item.kind === 'line');
    const at = places(items);
    for (const [i, line] of lines.entries()) {
      if (line.verdict === 'next' && line.jump === null) {
        // What goes on to a verdict for all routes may as well have it.
        const behind = lines[i + 1];
        if (behind?.matches.length === 0 && behind.actions.length === 0) {
          line.verdict = behind.verdict;
          line.jump = behind.jump;
        }
      }
      // A jump to an unconditional jump or verdict is that one.
      for (let hops = 0; line.jump !== null && hops < 8; hops++) {
        const target = lines[at.get(line.jump) ?? lines.length];
        if (target === undefined || target.matches.length > 0 || target.actions.length > 0) break;
        if (target.verdict === 'next' && target.jump === null) break;
        line.verdict = target.verdict;
        line.jump = target.jump;
      }
    }
    items = withoutUseless(items, at);
  }
  return items;
}

function withoutUseless(items: readonly (Line | Mark)[], at: ReadonlyMap<Mark, number>): (Line | Mark)[] {
  const wanted = new Set(items.flatMap((item) => (item.kind === 'line' && item.jump !== null ? [item.jump] : [])));
  const kept: (Line | Mark)[] = [];
  let isReachable = true;
  let index = 0;
  for (const item of items) {
    if (item.kind === 'mark') {
      if (!wanted.has(item)) continue;
      kept.push(item);
      isReachable = true;
      continue;
    }
    index++;
    const goesOn = item.verdict === 'next' && (item.jump === null || at.get(item.jump) === index);
    if (!isReachable || (goesOn && item.actions.length === 0)) continue;
    if (goesOn) item.jump = null;
    kept.push(item);
    if (item.matches.length === 0 && !goesOn) isReachable = false;
  }
  return kept;
}

/** The policy that a filter is. */
export function layOut(name: string, steps: readonly Step[]): Policy {
  const writer = new Writer();
  writer.write(simplifySteps(steps));
  let items = groupStatements(tidy(writer.items));
  // The last line for all routes is what else happens; jumps to it lead to the end, which is the same.
  const last = items.findLast((item): item is Line => item.kind === 'line');
  let otherwise: 'accept' | 'reject' = 'reject';
  if (last !== undefined && last.matches.length === 0 && last.actions.length === 0 && last.verdict !== 'next') {
    otherwise = last.verdict;
    items = items.filter((item) => item !== last);
  }
  const at = places(items);
  const lines = items.filter((item): item is Line => item.kind === 'line');
  const statements = lines.map(({ name: title, matches, actions, verdict, jump }, index): Statement => {
    const skip = jump === null ? 0 : (at.get(jump) ?? index + 1) - index - 1;
    const statement = { name: title, matches, actions, verdict };
    return skip > 0 ? { ...statement, skip } : statement;
  });
  return { name, statements, otherwise };
}
