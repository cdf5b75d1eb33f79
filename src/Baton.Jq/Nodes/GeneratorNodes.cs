namespace Baton.Jq;

/// <summary><c>last(f)</c>.</summary>
internal sealed class LastNode : Node
{
    private readonly Node _body;

    public LastNode(Node body)
    {
        _body = body;
        CanPush = AllPush(body);
        Depth = DepthOf(body);
    }

    public override JqValue Push(Machine m, JqValue input, Env? env, Sink sink)
    {
        var last = new KeepSink();
        var answer = _body.Push(m, input, env, last);
        return !answer.IsNull ? answer : last.Value.IsProper ? sink.Accept(m, last.Value) : default;
    }

    public override Node Step(Machine m)
    {
        var state = new FoldState { Value = JqValue.Empty };
        m.PushFork(this).State = state;
        m.Cont = new KeepFrame(m, state);
        return _body;
    }

    public override Node Retry(Machine m, ref Fork fork)
    {
        var state = (FoldState)fork.State!;
        m.PopFork();
        m.Path = state.Path;
        return m.Deliver(state.Value);
    }

    private sealed class KeepSink : Sink
    {
        public JqValue Value { get; private set; } = JqValue.Empty;

        public override JqValue Accept(Machine m, JqValue value)
        {
            Value = value;
            return default;
        }
    }

    private sealed class KeepFrame(Machine m, FoldState state) : Frame(m)
    {
        public override Node Resume(Machine machine)
        {
            state.Value = machine.Value;
            state.Path = machine.Path;
            return machine.Backtrack();
        }
    }
}

/// <summary><c>first(f)</c>: f is not run further than to its first output.</summary>
internal sealed class FirstNode : Node
{
    private readonly Node _body;

    public FirstNode(Node body)
    {
        _body = body;
        IsSimple = AllSimple(body);
        CanPush = AllPush(body);
        Depth = DepthOf(body);
    }

    public override JqValue Eval(Machine m, JqValue input, Env? env) => _body.Eval(m, input, env);

    public override JqValue EvalPath(Machine m, JqValue input, Env? env) => _body.EvalPath(m, input, env);

    public override JqValue Push(Machine m, JqValue input, Env? env, Sink sink)
    {
        var first = new OneSink();
        var answer = _body.Push(m, input, env, first);
        return answer.IsError ? answer : first.Value.IsProper ? sink.Accept(m, first.Value) : default;
    }

    public override Node Step(Machine m)
    {
        if (IsSimple)
        {
            return base.Step(m);
        }

        m.Cont = new CutFrame(m);
        return _body;
    }

    private sealed class OneSink : Sink
    {
        public JqValue Value { get; private set; } = JqValue.Empty;

        public override JqValue Accept(Machine m, JqValue value)
        {
            Value = value;
            return Enough;
        }
    }

    private sealed class CutFrame(Machine m) : Frame(m)
    {
        private readonly int _forkCount = m.ForkCount;

        public override Node Resume(Machine machine)
        {
            machine.Cut(_forkCount);
            return ReturnNode.Instance;
        }
    }
}

/// <summary><c>isempty(f)</c>.</summary>
internal sealed class IsEmptyNode : Node
{
    private readonly Node _body;

    public IsEmptyNode(Node body)
    {
        _body = body;
        IsSimple = CanPush = AllPush(body);
        Depth = DepthOf(body);
    }

    public override JqValue Eval(Machine m, JqValue input, Env? env)
    {
        var answer = _body.Push(m, input, env, AnySink.Instance);
        return answer.IsError ? answer : JqValue.From(answer.IsNull);
    }

    public override Node Step(Machine m)
    {
        if (IsSimple)
        {
            return base.Step(m);
        }

        m.PushFork(this);
        m.Cont = new AnyFrame(m);
        m.Path = null;
        return _body;
    }

    public override Node Retry(Machine m, ref Fork fork)
    {
        m.PopFork();
        return m.Deliver(JqValue.True);
    }

    private sealed class AnySink : Sink
    {
        public static readonly AnySink Instance = new();

        public override JqValue Accept(Machine m, JqValue value) => Enough;
    }

    private sealed class AnyFrame(Machine m) : Frame(m)
    {
        private readonly int _forkCount = m.ForkCount - 1;
        private readonly PathTrail? _path = m.Path;

        public override Node Resume(Machine machine)
        {
            machine.Cut(_forkCount);
            machine.Path = _path;
            return machine.Deliver(JqValue.False);
        }
    }
}

/// <summary><c>limit(n; f)</c>: f is not run further than to its n-th output.</summary>
internal sealed class LimitNode(Node count, Node body) : Node
{
    public override Node Step(Machine m)
    {
        m.Cont = new CountFrame(m, body);
        m.Path = null;
        return count;
    }

    private sealed class CountFrame(Machine m, Node body) : Frame(m)
    {
        private readonly JqValue _input = m.Value;
        private readonly Env? _env = m.Env;
        private readonly PathTrail? _path = m.Path;

        public override Node Resume(Machine machine)
        {
            var count = machine.Value;
            if (!count.IsNumber)
            {
                return machine.Deliver(Errors.Raise("Invalid arguments to limit"));
            }

            if (count.RawNumber <= 0)
            {
                return count.RawNumber == 0 ? machine.Backtrack() : machine.Deliver(Errors.Raise("limit doesn't support negative count"));
            }

            machine.Value = _input;
            machine.Env = _env;
            machine.Path = _path;
            machine.Cont = new OutputFrame(machine, count.RawNumber);
            return body;
        }
    }

    private sealed class OutputFrame(Machine m, double count) : Frame(m)
    {
        private readonly int _forkCount = m.ForkCount;
        private double _left = count;

        public override Node Resume(Machine machine)
        {
            if (--_left <= 0)
            {
                machine.Cut(_forkCount);
            }

            return ReturnNode.Instance;
        }
    }
}

/// <summary><c>range($from; $upto; $by)</c>.</summary>
internal sealed class RangeNode : Node
{
    private readonly Node _from;
    private readonly Node _upto;
    private readonly Node _by;

    /// <summary>The operands must be simple; the caller binds others to variables first.</summary>
    public RangeNode(Node from, Node upto, Node by)
    {
        _from = from;
        _upto = upto;
        _by = by;
        CanPush = true;
        Depth = DepthOf(from, upto, by);
    }

    public override JqValue Push(Machine m, JqValue input, Env? env, Sink sink)
    {
        var fault = Bounds(m, input, env, out var from, out var upto, out var by);
        if (!fault.IsNull)
        {
            return fault.IsEmpty ? default : fault;
        }

        for (var value = from; by > 0 ? value < upto : value > upto; value += by)
        {
            m.Meter.Step();
            var answer = sink.Accept(m, JqValue.From(value));
            if (!answer.IsNull)
            {
                return answer;
            }
        }

        return default;
    }

    public override Node Step(Machine m)
    {
        var path = m.Path;
        m.Path = null;
        var fault = Bounds(m, m.Value, m.Env, out var from, out var upto, out var by);
        m.Path = path;
        if (!fault.IsNull)
        {
            return m.Improper(fault);
        }

        if (by > 0 ? from >= upto : from <= upto)
        {
            return m.Backtrack();
        }

        ref var fork = ref m.PushFork(this);
        fork.Index = from + by;
        fork.State = new double[] { upto, by };
        return m.Deliver(JqValue.From(from));
    }

    public override Node Retry(Machine m, ref Fork fork)
    {
        var value = fork.Index;
        var (upto, by) = fork.State is double[] bounds ? (bounds[0], bounds[1]) : default;
        if (by > 0 ? value >= upto : value <= upto)
        {
            m.PopFork();
            return m.Backtrack();
        }

        fork.Index += by;
        return m.Deliver(JqValue.From(value));
    }

    /// <summary>Null where the bounds are good; empty where nothing can come; else an error.</summary>
    private JqValue Bounds(Machine m, JqValue input, Env? env, out double from, out double upto, out double by)
    {
        from = upto = by = 0;
        var first = _from.Eval(m, input, env);
        var last = first.IsProper ? _upto.Eval(m, input, env) : first;
        var step = last.IsProper ? _by.Eval(m, input, env) : last;
        if (!step.IsProper)
        {
            return step;
        }

        if (!first.IsNumber || !last.IsNumber || !step.IsNumber)
        {
            return Errors.Raise("Range bounds must be numeric");
        }

        (from, upto, by) = (first.RawNumber, last.RawNumber, step.RawNumber);
        return by == 0 || double.IsNaN(by) || double.IsNaN(from) || double.IsNaN(upto) ? JqValue.Empty : default;
    }
}

/// <summary><c>range</c> over bounds of several outputs: one range for each combination, the first varying slowest.</summary>
internal sealed class RangeBindNode : Node
{
    private readonly Node _expanded;

    public RangeBindNode(Node from, Node upto, Node by)
    {
        // Nothing here adds a link to the chain of names, so the operands can be compiled at the level of the call.
        _expanded = new PipeNode(
            new CombinationNode(from, upto, by),
            new RangeNode(Part(0), Part(1), Part(2)));
        CanPush = _expanded.CanPush;
        Depth = DepthOf(_expanded);
    }

    public override JqValue Push(Machine m, JqValue input, Env? env, Sink sink) => _expanded.Push(m, input, env, sink);

    public override Node Step(Machine m) => _expanded.Step(m);

    private static IndexNode Part(int index) => new(IdentityNode.Instance, new ConstantNode(JqValue.From((double)index)), false);

    private sealed class CombinationNode(Node from, Node upto, Node by) : ApplyNode(from, upto, by)
    {
        protected override JqValue Apply(Machine m, JqValue input, JqValue[] values) => JqValue.From(JqArray.Of(values));
    }
}

/// <summary><c>inputs</c>: what the host still has to give.</summary>
internal sealed class InputsNode : Node
{
    public static readonly InputsNode Instance = new();

    private InputsNode() => CanPush = true;

    public override JqValue Push(Machine m, JqValue input, Env? env, Sink sink)
    {
        while (m.Host.NextInput?.Invoke() is { } next)
        {
            m.Meter.Step();
            var answer = sink.Accept(m, next);
            if (!answer.IsNull)
            {
                return answer;
            }
        }

        return default;
    }

    public override Node Step(Machine m)
    {
        m.PushFork(this);
        return m.Backtrack();
    }

    public override Node Retry(Machine m, ref Fork fork)
    {
        if (m.Host.NextInput?.Invoke() is { } next)
        {
            return m.Deliver(next);
        }

        m.PopFork();
        return m.Backtrack();
    }
}
