/**
 * Runs a filter without a route: every way through it that the constants and what is known leave open becomes steps of
 * a program. Functions are written out where they are called. Ways on which variables differ are kept apart.
 */

import type { Action } from '../../rib/policy/policy.ts';
import type { Call, Command, Expression, FunctionDefinition, Variable } from './ast.ts';
import { ALWAYS, type Condition, not } from './condition.ts';
import { BirdConfigError, type Position } from './diagnostic.ts';
import type { FilterContext } from './filter-context.ts';
import { MAX_CALL_DEPTH, MAX_FILTER_STATEMENTS } from './limits.ts';
import { printCommandHead } from './print.ts';
import { Label, type Step } from './program.ts';
import { initialState, join, refine, type State, withVariable } from './state.ts';
import { translateAssignment, translateEdit, translateUnset } from './translate-action.ts';
import { ExpressionTranslator } from './translate-expression.ts';
import type { Value } from './value.ts';

/** A function or filter that is being run. */
interface Frame {
  readonly name: string;
  readonly depth: number;
  /** What `return` does. */
  readonly onReturn: (value: Expression | null, at: Position, state: State) => Step[];
}

interface Outcome {
  readonly steps: Step[];
  /** null: no way leads on. */
  readonly state: State | null;
}

const REJECT_STEP = (name: string): Step => ({ kind: 'do', actions: [], verdict: 'reject', name });

export class FilterTranslator {
  readonly #context: FilterContext;
  readonly #expressions: ExpressionTranslator;
  #count = 0;
  #frame: Frame | null = null;

  constructor(context: FilterContext) {
    this.#context = context;
    this.#expressions = new ExpressionTranslator(context, (call, state) => this.#constantCall(call, state));
  }

  /** A named or inline filter; a route that gets through to its end is rejected, as BIRD does. */
  filter(name: string, body: readonly Command[]): Step[] {
    const frame: Frame = {
      name,
      depth: 0,
      onReturn: (_value, at) => {
        throw new BirdConfigError(at, 'return is for functions, wanted in a filter: accept or reject');
      },
    };
    const { use, preference } = this.#context;
    const { steps, state } = this.#commands(body, initialState(use, preference), frame);
    return state === null ? steps : [...steps, REJECT_STEP(`${name}: neither accept nor reject`)];
  }

  /** `where CONDITION` accepts what it holds for. */
  where(name: string, condition: Expression): Step[] {
    const { at } = condition;
    return this.filter(name, [
      { kind: 'if', condition, consequence: [{ kind: 'accept', at }], otherwise: [{ kind: 'reject', at }], at },
    ]);
  }

  #commands(commands: readonly Command[], start: State, frame: Frame): Outcome {
    const steps: Step[] = [];
    let state: State | null = start;
    for (const [i, command] of commands.entries()) {
      if (state === null) break;
      if (++this.#count > MAX_FILTER_STATEMENTS) {
        throw new BirdConfigError(
          command.at,
          `this filter is too long: more than ${MAX_FILTER_STATEMENTS} steps, functions written out`,
        );
      }
      const plain = command.kind === 'case' ? ifOfCase(command) : [command];
      if (command.kind === 'case') {
        const inner: Outcome = this.#commands([...plain, ...commands.slice(i + 1)], state, frame);
        return { steps: [...steps, ...inner.steps], state: inner.state };
      }
      if (command.kind === 'if') {
        const isApart = assigns(command.consequence) || assigns(command.otherwise);
        const branches = this.#if(command, isApart, isApart ? commands.slice(i + 1) : [], state, frame);
        steps.push(...branches.steps);
        if (branches.isWhole) return { steps, state: branches.state };
        ({ state } = branches);
        continue;
      }
      const one: Outcome = this.#command(command, state, frame);
      steps.push(...one.steps);
      ({ state } = one);
    }
    return { steps, state };
  }

  /** Whether `isWhole`: the commands behind the branches are in them already. */
  #if(
    command: Extract<Command, { kind: 'if' }>,
    isApart: boolean,
    behind: readonly Command[],
    state: State,
    frame: Frame,
  ): Outcome & { readonly isWhole: boolean } {
    const { consequence, otherwise } = command;
    const name = `${frame.name}: ${printCommandHead(command)}`;
    if (this.#hasBranchingCall(command.condition)) {
      return { ...this.#ifCall(command, behind, state, frame, name), isWhole: isApart };
    }
    this.#frame = frame;
    const condition = this.#expressions.condition(command.condition, state);
    const checks = this.#checks(name, state);
    if (condition.kind === 'constant') {
      const taken = this.#commands([...(condition.value ? consequence : otherwise), ...behind], checks.state, frame);
      return { steps: [...checks.steps, ...taken.steps], state: taken.state, isWhole: isApart };
    }
    const yes = this.#commands([...consequence, ...behind], refine(checks.state, condition, true), frame);
    const no = this.#commands([...otherwise, ...behind], refine(checks.state, condition, false), frame);
    const step: Step = { kind: 'if', condition, consequence: yes.steps, otherwise: no.steps, name };
    return { steps: [...checks.steps, step], state: join(yes.state, no.state), isWhole: isApart };
  }

  /** A run-time error of BIRD rejects the route. */
  #checks(name: string, state: State): { readonly steps: Step[]; readonly state: State } {
    const needed = this.#expressions.takeNeeded();
    if (needed.kind === 'constant' && needed.value) return { steps: [], state };
    const reject = [REJECT_STEP(`${name}: a value is undefined`)];
    return {
      steps: [{ kind: 'if', condition: not(needed), consequence: reject, otherwise: [], name }],
      state: refine(state, needed, true),
    };
  }

  /** A condition that calls functions: their bodies decide which way is taken. */
  #ifCall(
    { condition, consequence, otherwise }: Extract<Command, { kind: 'if' }>,
    behind: readonly Command[],
    state: State,
    frame: Frame,
    name: string,
  ): Outcome {
    const [yes, no, end] = [new Label(), new Label(), new Label()];
    const test = this.#branch(condition, state, frame, yes, no, name);
    const body: Step[] = [{ kind: 'block', label: yes, body: [{ kind: 'block', label: no, body: test }] }];
    const steps: Step[] = [];
    let last: State | null = null;
    // Behind block `no` the condition has failed.
    if (no.state !== null) {
      const failed = this.#commands([...otherwise, ...behind], no.state, frame);
      const leave: Step[] = failed.state === null ? [] : [{ kind: 'leave', label: end, name }];
      body[0] = {
        kind: 'block',
        label: yes,
        body: [{ kind: 'block', label: no, body: test }, ...failed.steps, ...leave],
      };
      last = failed.state;
    }
    steps.push(...body);
    if (yes.state !== null) {
      const held = this.#commands([...consequence, ...behind], yes.state, frame);
      steps.push(...held.steps);
      last = join(last, held.state);
    }
    return { steps: [{ kind: 'block', label: end, body: steps }], state: last };
  }

  /** Steps that leave to one of the labels, whichever way an expression turns out. */
  #branch(expression: Expression, state: State, frame: Frame, yes: Label, no: Label, name: string): Step[] {
    if (!this.#hasBranchingCall(expression)) {
      this.#frame = frame;
      const condition = this.#expressions.condition(expression, state);
      const checks = this.#checks(name, state);
      return [...checks.steps, ...this.#leaveBy(condition, checks.state, yes, no, name)];
    }
    if (expression.kind === 'not') return this.#branch(expression.operand, state, frame, no, yes, name);
    if (expression.kind === 'binary' && (expression.operator === '&&' || expression.operator === '||')) {
      const isAnd = expression.operator === '&&';
      const go = new Label();
      const first = this.#branch(expression.left, state, frame, isAnd ? go : yes, isAnd ? no : go, name);
      const steps: Step[] = [{ kind: 'block', label: go, body: first }];
      if (go.state === null) return steps;
      return [...steps, ...this.#branch(expression.right, go.state, frame, yes, no, name)];
    }
    if (expression.kind !== 'call') {
      throw new BirdConfigError(expression.at, 'a function that depends on the route is supported as a condition only');
    }
    const caller = state.variables;
    const leave = (outcome: Condition, at: State): Step[] =>
      this.#leaveBy(outcome, { ...at, variables: caller }, yes, no, name);
    const called = this.#call(expression, expression.at, state, frame, (value, at, now) => {
      if (value === null)
        throw new BirdConfigError(at, `wanted: a value to return, ${expression.name} is asked for one`);
      if (this.#hasBranchingCall(value)) {
        const [inner, other] = [new Label(), new Label()];
        const test = this.#branch(value, now, { ...frame, depth: frame.depth + 1 }, inner, other, name);
        const falls = other.state === null ? [] : leave({ kind: 'constant', value: false }, other.state);
        const holds = inner.state === null ? [] : leave(ALWAYS, inner.state);
        const failing: Step = { kind: 'block', label: other, body: test };
        return [{ kind: 'block', label: inner, body: [failing, ...falls] }, ...holds];
      }
      const outcome = this.#expressions.condition(value, now);
      const checks = this.#checks(name, now);
      return [...checks.steps, ...leave(outcome, checks.state)];
    });
    if (called.state === null) return called.steps;
    return [...called.steps, REJECT_STEP(`${name}: ${expression.name} returned nothing`)];
  }

  #leaveBy(condition: Condition, state: State, yes: Label, no: Label, name: string): Step[] {
    const to = (label: Label, known: State): Step => {
      label.state = join(label.state, known);
      return { kind: 'leave', label, name };
    };
    if (condition.kind === 'constant') return [to(condition.value ? yes : no, state)];
    const consequence = [to(yes, refine(state, condition, true))];
    return [{ kind: 'if', condition, consequence, otherwise: [to(no, refine(state, condition, false))], name }];
  }

  #command(command: Exclude<Command, { kind: 'if' | 'case' }>, state: State, frame: Frame): Outcome {
    const name = `${frame.name}: ${printCommandHead(command)}`;
    switch (command.kind) {
      case 'accept':
      case 'reject':
        return { steps: [{ kind: 'do', actions: [], verdict: command.kind, name }], state: null };
      case 'print':
        return { steps: [], state };
      case 'return':
        this.#frame = frame;
        return { steps: frame.onReturn(command.value, command.at, state), state: null };
      case 'call':
        return this.#callStatement(command.call, state, frame);
      case 'assign': {
        this.#frame = frame;
        const value = this.#expressions.value(command.value, state);
        const checks = this.#checks(name, state);
        return { steps: checks.steps, state: withVariable(checks.state, command.name, value) };
      }
      default:
        return this.#change(command, state, frame, name);
    }
  }

  #change(
    command: Extract<Command, { kind: 'set' | 'edit' | 'unset' }>,
    state: State,
    frame: Frame,
    name: string,
  ): Outcome {
    this.#frame = frame;
    let change: { readonly actions: readonly Action[]; readonly state: State };
    let steps: Step[] = [];
    if (command.kind === 'unset') change = translateUnset(command.attribute, command.at, state);
    else {
      const value = this.#expressions.value(command.value, state);
      const checks = this.#checks(name, state);
      ({ steps } = checks);
      change =
        command.kind === 'set'
          ? translateAssignment(this.#context, command, value, checks.state)
          : translateEdit(command, value, checks.state);
    }
    const { actions } = change;
    if (actions.length === 0) return { steps, state: change.state };
    return { steps: [...steps, { kind: 'do', actions, verdict: 'next', name }], state: change.state };
  }

  #callStatement(call: Call & { readonly at: Position }, state: State, frame: Frame): Outcome {
    const end = new Label();
    const called = this.#call(call, call.at, state, frame, (_value, _at, now) => {
      end.state = join(end.state, { ...now, variables: state.variables });
      return [{ kind: 'leave', label: end, name: `${call.name}: return` }];
    });
    if (end.state === null) return called;
    return {
      steps: [{ kind: 'block', label: end, body: called.steps }],
      state: join(end.state, called.state),
    };
  }

  /** The body of a function with its arguments; the caller's variables come back behind it. */
  #call(call: Call, at: Position, state: State, frame: Frame, onReturn: Frame['onReturn']): Outcome {
    const definition = this.#functionOf(call, at, frame);
    this.#frame = frame;
    let inside: State = { ...state, variables: new Map() };
    for (const [i, parameter] of definition.parameters.entries()) {
      const value = this.#expressions.value(call.arguments[i], state);
      checkArgument(parameter, value, call.arguments[i]);
      inside = withVariable(inside, parameter.name, value);
    }
    const { steps, state: after } = this.#commands(definition.body, inside, {
      name: definition.name,
      depth: frame.depth + 1,
      onReturn,
    });
    return { steps, state: after === null ? null : { ...after, variables: state.variables } };
  }

  #functionOf(call: Call, at: Position, frame: Frame): FunctionDefinition {
    const definition = this.#context.functions.get(call.name);
    if (definition === undefined) throw new BirdConfigError(at, `${call.name} is not a function`);
    if (frame.depth >= MAX_CALL_DEPTH) {
      throw new BirdConfigError(at, `functions call each other more than ${MAX_CALL_DEPTH} deep`);
    }
    return definition;
  }

  /** A call as a value: its way must not depend on the route. */
  #constantCall(call: Extract<Expression, { kind: 'call' }>, state: State): Value {
    const frame = this.#frame;
    if (frame === null) throw new BirdConfigError(call.at, `${call.name} cannot be called here`);
    const returned: { value: Value }[] = [];
    const { steps } = this.#call(call, call.at, state, frame, (value, at, now) => {
      if (value === null) throw new BirdConfigError(at, `wanted: a value to return, ${call.name} is asked for one`);
      returned.push({ value: this.#expressions.value(value, now) });
      return [];
    });
    this.#frame = frame;
    if (steps.length === 0 && returned.length === 1) return returned[0].value;
    throw new BirdConfigError(
      call.at,
      `${call.name} depends on the route in a way that is supported only where the call itself is a condition`,
    );
  }

  /** Whether a condition calls functions outside of operators that need their value. */
  #hasBranchingCall(expression: Expression): boolean {
    switch (expression.kind) {
      case 'call':
        return true;
      case 'not':
        return this.#hasBranchingCall(expression.operand);
      case 'binary':
        if (expression.operator !== '&&' && expression.operator !== '||') return false;
        return this.#hasBranchingCall(expression.left) || this.#hasBranchingCall(expression.right);
      default:
        return false;
    }
  }
}

/** Types are BIRD's business, but a condition given for a number would be a riddle later. */
function checkArgument({ type, name }: Variable, value: Value, { at }: Expression): void {
  const isBool = value.kind === 'bool';
  if ((type === 'bool') === isBool) return;
  throw new BirdConfigError(
    at,
    `argument ${name} is of type ${type}, wanted: ${type === 'bool' ? 'true or false' : type}`,
  );
}

/** Whether commands give values to variables, not counting those of functions that they call. */
function assigns(commands: readonly Command[]): boolean {
  return commands.some((command) => {
    switch (command.kind) {
      case 'assign':
        return true;
      case 'if':
        return assigns(command.consequence) || assigns(command.otherwise);
      case 'case':
        return command.arms.some(({ body }) => assigns(body)) || assigns(command.otherwise);
      default:
        return false;
    }
  });
}

/** `case x { a, b: ...; else: ... }` as `if x ~ [a, b] then ... else ...`. */
function ifOfCase({ subject, arms, otherwise, at }: Extract<Command, { kind: 'case' }>): readonly Command[] {
  return arms.reduceRight<readonly Command[]>(
    (rest, { items, body }) => [
      {
        kind: 'if',
        condition: { kind: 'binary', operator: '~', left: subject, right: { kind: 'set', items, at }, at },
        consequence: body,
        otherwise: rest,
        at,
      },
    ],
    otherwise,
  );
}
