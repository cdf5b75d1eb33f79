namespace Baton.Jq;

/// <summary>The running value of a <c>reduce</c> or <c>foreach</c>, with its path where one is followed.</summary>
internal sealed class FoldState
{
    public JqValue Value;
    public PathTrail? Path;
}

/// <summary><c>reduce</c>: the last output of each update is the next state; none makes it null.</summary>
internal sealed class ReduceNode : Node
{
    private readonly Node _source;
    private readonly Node _init;
    private readonly Node _update;

    public ReduceNode(Node source, Node init, Node update)
    {
        _source = source;
        _init = init;
        _update = update;
        IsSimple = AllSimple(init, update) && AllPush(source);
        CanPush = IsSimple;
        Depth = DepthOf(source, init, update);
    }

    public override JqValue Eval(Machine m, JqValue input, Env? env)
    {
        var state = _init.Eval(m, input, env);
        return state.IsProper ? Fold(m, input, env, state, path: null) : state;
    }

    public override JqValue EvalPath(Machine m, JqValue input, Env? env)
    {
        var state = _init.EvalPath(m, input, env);
        return state.IsProper ? Fold(m, input, env, state, m.Path) : state;
    }

    public override Node Step(Machine m)
    {
        if (IsSimple)
        {
            return base.Step(m);
        }

        m.Cont = new InitFrame(m, this);
        return _init;
    }

    public override Node Retry(Machine m, ref Fork fork)
    {
        var state = (FoldState)fork.State!;
        m.PopFork();
        m.Path = state.Path;
        return m.Deliver(state.Value);
    }

    private JqValue Fold(Machine m, JqValue input, Env? env, JqValue state, PathTrail? path)
    {
        m.Path = null;
        var sink = new UpdateSink(_update, env, state, path);
        var answer = _source.Push(m, input, env, sink);
        m.Path = sink.Path;
        return answer.IsNull ? sink.State : answer;
    }

    private sealed class UpdateSink(Node update, Env? env, JqValue state, PathTrail? path) : Sink
    {
        public JqValue State { get; private set; } = state;

        public PathTrail? Path { get; private set; } = path;

        public override JqValue Accept(Machine m, JqValue value)
        {
            m.Meter.Step();
            var scope = new Env(value, env);
            m.Path = Path;
            var next = Path is null ? update.Eval(m, State, scope) : update.EvalPath(m, State, scope);
            Path = m.Path;
            m.Path = null;
            if (next.IsError)
            {
                return next;
            }

            State = next.IsEmpty ? default : next;
            return default;
        }
    }

    private sealed class InitFrame(Machine m, ReduceNode node) : Frame(m)
    {
        private readonly JqValue _input = m.Value;
        private readonly Env? _env = m.Env;

        public override Node Resume(Machine machine)
        {
            var state = new FoldState { Value = machine.Value, Path = machine.Path };
            machine.Env = _env;
            machine.PushFork(node).State = state;
            machine.Cont = new SourceFrame(machine, node, state);
            machine.Value = _input;
            machine.Path = null;
            return node._source;
        }
    }

    private sealed class SourceFrame(Machine m, ReduceNode node, FoldState state) : Frame(m)
    {
        private readonly Env? _env = m.Env;

        public override Node Resume(Machine machine)
        {
            machine.Env = new Env(machine.Value, _env);
            machine.Value = state.Value;
            machine.Path = state.Path;
            state.Value = default;
            machine.Cont = new UpdateFrame(machine, state);
            return node._update;
        }
    }

    private sealed class UpdateFrame(Machine m, FoldState state) : Frame(m)
    {
        public override Node Resume(Machine machine)
        {
            state.Value = machine.Value;
            state.Path = machine.Path;
            return machine.Backtrack();
        }
    }
}

/// <summary><c>foreach</c>: every output of each update becomes the state and is extracted from.</summary>
internal sealed class ForeachNode : Node
{
    private readonly Node _source;
    private readonly Node _init;
    private readonly Node _update;
    private readonly Node _extract;

    public ForeachNode(Node source, Node init, Node update, Node extract)
    {
        _source = source;
        _init = init;
        _update = update;
        _extract = extract;
        CanPush = AllSimple(init, update) && AllPush(source, extract);
        Depth = DepthOf(source, init, update, extract);
    }

    public override JqValue Push(Machine m, JqValue input, Env? env, Sink sink)
    {
        var state = _init.Eval(m, input, env);
        return state.IsProper
            ? _source.Push(m, input, env, new UpdateSink(this, env, state, sink))
            : state.IsError ? state : default;
    }

    public override Node Step(Machine m)
    {
        m.Cont = new InitFrame(m, this);
        return _init;
    }

    private sealed class UpdateSink(ForeachNode node, Env? env, JqValue state, Sink sink) : Sink
    {
        private JqValue _state = state;

        public override JqValue Accept(Machine m, JqValue value)
        {
            m.Meter.Step();
            var scope = new Env(value, env);
            var next = node._update.Eval(m, _state, scope);
            if (!next.IsProper)
            {
                _state = default;
                return next.IsError ? next : default;
            }

            _state = next;
            return node._extract.Push(m, next, scope, sink);
        }
    }

    private sealed class InitFrame(Machine m, ForeachNode node) : Frame(m)
    {
        private readonly JqValue _input = m.Value;
        private readonly Env? _env = m.Env;

        public override Node Resume(Machine machine)
        {
            var state = new FoldState { Value = machine.Value, Path = machine.Path };
            machine.Env = _env;
            machine.Cont = new SourceFrame(machine, node, state);
            machine.Value = _input;
            machine.Path = null;
            return node._source;
        }
    }

    private sealed class SourceFrame(Machine m, ForeachNode node, FoldState state) : Frame(m)
    {
        private readonly Env? _env = m.Env;

        public override Node Resume(Machine machine)
        {
            machine.Env = new Env(machine.Value, _env);
            machine.Value = state.Value;
            machine.Path = state.Path;
            state.Value = default;
            machine.Cont = new UpdateFrame(machine, node, state);
            return node._update;
        }
    }

    private sealed class UpdateFrame(Machine m, ForeachNode node, FoldState state) : Frame(m)
    {
        private readonly Env? _env = m.Env;

        public override Node Resume(Machine machine)
        {
            state.Value = machine.Value;
            state.Path = machine.Path;
            machine.Env = _env;
            return node._extract;
        }
    }
}

/// <summary><c>[f]</c>.</summary>
internal sealed class CollectNode : Node
{
    private readonly Node _body;

    public CollectNode(Node body)
    {
        _body = body;
        IsSimple = CanPush = AllPush(body);
        Depth = DepthOf(body);
    }

    public override JqValue Eval(Machine m, JqValue input, Env? env)
    {
        var sink = new ListSink();
        var answer = _body.Push(m, input, env, sink);
        return answer.IsNull ? sink.ToArray() : answer;
    }

    public override Node Step(Machine m)
    {
        if (IsSimple)
        {
            return base.Step(m);
        }

        var sink = new ListSink();
        m.PushFork(this).State = sink;
        m.Cont = new ItemFrame(m, sink);
        m.Path = null;
        return _body;
    }

    public override Node Retry(Machine m, ref Fork fork)
    {
        var sink = (ListSink)fork.State!;
        m.PopFork();
        return m.Deliver(sink.ToArray());
    }

    private sealed class ListSink : Sink
    {
        private JqValue[] _items = new JqValue[4];
        private int _count;

        public override JqValue Accept(Machine m, JqValue value)
        {
            if (_count == _items.Length)
            {
                m.Meter.ChargeCopy(_count);
                Array.Resize(ref _items, _count * 2);
            }

            _items[_count++] = value;
            return default;
        }

        public JqValue ToArray() => JqValue.From(JqArray.Of(_items, _count));
    }

    private sealed class ItemFrame(Machine m, ListSink sink) : Frame(m)
    {
        public override Node Resume(Machine machine)
        {
            sink.Accept(machine, machine.Value);
            return machine.Backtrack();
        }
    }
}
