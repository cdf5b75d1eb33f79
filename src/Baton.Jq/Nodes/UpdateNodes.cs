namespace Baton.Jq;

/// <summary><c>target |= update</c>: the first output of the update replaces; where there is none, the path is deleted.</summary>
internal sealed class ModifyNode : Node
{
    private readonly Node _target;
    private readonly Node _update;

    public ModifyNode(Node target, Node update)
    {
        _target = target;
        _update = update;
        IsSimple = AllSimple(target, update);
        CanPush = IsSimple;
        Depth = DepthOf(target, update);
    }

    public override JqValue Eval(Machine m, JqValue input, Env? env)
    {
        m.Path = PathTrail.Root(input);
        var value = _target.EvalPath(m, input, env);
        var trail = m.Path;
        m.Path = null;
        if (!value.IsProper)
        {
            return value.IsEmpty ? input : value;
        }

        if (!JqValue.Identical(trail!.At, value))
        {
            return Errors.Raise($"Invalid path expression with result {Errors.Dump(value)}");
        }

        var updated = _update.Eval(m, value, env);
        if (updated.IsError)
        {
            return updated;
        }

        var path = trail.ToValue();
        return updated.IsEmpty
            ? Access.DeletePaths(input, JqValue.From(JqArray.Of(path)), m.Meter)
            : Access.SetPath(input, path, updated, m.Meter);
    }

    public override Node Step(Machine m)
    {
        if (IsSimple)
        {
            return base.Step(m);
        }

        var state = new State { Value = m.Value };
        m.PushFork(this).State = state;
        m.Cont = new TargetFrame(m, this, state);
        m.Path = PathTrail.Root(m.Value);
        return _target;
    }

    public override Node Retry(Machine m, ref Fork fork)
    {
        var state = (State)fork.State!;
        if (!state.IsUpdating)
        {
            m.PopFork();
            return m.Deliver(state.Deleted.Count == 0
                ? state.Value
                : Access.DeletePaths(state.Value, JqValue.FromArray(state.Deleted), m.Meter));
        }

        // The update gave nothing.
        state.IsUpdating = false;
        state.Deleted.Add(fork.Value);
        m.PopFork();
        return m.Backtrack();
    }

    private sealed class State
    {
        public JqValue Value;
        public bool IsUpdating;
        public readonly List<JqValue> Deleted = [];
    }

    private sealed class TargetFrame(Machine m, ModifyNode node, State state) : Frame(m)
    {
        private readonly Env? _env = m.Env;

        public override Node Resume(Machine machine)
        {
            var trail = machine.Path!;
            if (!JqValue.Identical(trail.At, machine.Value))
            {
                return machine.Deliver(Errors.Raise($"Invalid path expression with result {Errors.Dump(machine.Value)}"));
            }

            var path = trail.ToValue();
            var current = Access.GetPath(state.Value, path, machine.Meter);
            if (current.IsError)
            {
                return machine.Deliver(current);
            }

            machine.Path = null;
            ref var fork = ref machine.PushFork(node);
            fork.State = state;
            fork.Value = path;
            state.IsUpdating = true;
            machine.Value = current;
            machine.Env = _env;
            machine.Cont = new UpdateFrame(machine, state, path);
            return node._update;
        }
    }

    private sealed class UpdateFrame(Machine m, State state, JqValue path) : Frame(m)
    {
        private readonly int _forkCount = m.ForkCount - 1;

        public override Node Resume(Machine machine)
        {
            machine.Cut(_forkCount);
            state.IsUpdating = false;
            var updated = Access.SetPath(state.Value, path, machine.Value, machine.Meter);
            if (updated.IsError)
            {
                return machine.Deliver(updated);
            }

            state.Value = updated;
            return machine.Backtrack();
        }
    }
}
