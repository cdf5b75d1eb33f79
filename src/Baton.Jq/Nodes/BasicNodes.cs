namespace Baton.Jq;

internal sealed class IdentityNode : Node
{
    public static readonly IdentityNode Instance = new();

    private IdentityNode() => IsSimple = CanPush = true;

    public override JqValue Eval(Machine m, JqValue input, Env? env) => input;

    public override JqValue EvalPath(Machine m, JqValue input, Env? env) => input;
}

internal sealed class ConstantNode : Node
{
    public ConstantNode(JqValue value)
    {
        Value = value;
        IsSimple = CanPush = true;
    }

    public JqValue Value { get; }

    public override JqValue Eval(Machine m, JqValue input, Env? env) => Value;

    public override JqValue EvalPath(Machine m, JqValue input, Env? env) => Value;
}

/// <summary><c>empty</c>.</summary>
internal sealed class EmptyNode : Node
{
    public static readonly EmptyNode Instance = new();

    private EmptyNode() => IsSimple = CanPush = true;

    public override JqValue Eval(Machine m, JqValue input, Env? env) => JqValue.Empty;
}

/// <summary>A variable bound in the program, so many links up.</summary>
internal sealed class VariableNode : Node
{
    private readonly int _up;

    public VariableNode(int up)
    {
        _up = up;
        IsSimple = CanPush = true;
    }

    public override JqValue Eval(Machine m, JqValue input, Env? env) => Env.Up(env, _up)!.Value;

    public override JqValue EvalPath(Machine m, JqValue input, Env? env) => Env.Up(env, _up)!.Value;
}

/// <summary>A variable given by the host.</summary>
internal sealed class GlobalNode : Node
{
    private readonly int _index;

    public GlobalNode(int index)
    {
        _index = index;
        IsSimple = CanPush = true;
    }

    public override JqValue Eval(Machine m, JqValue input, Env? env) => m.Globals[_index];

    public override JqValue EvalPath(Machine m, JqValue input, Env? env) => m.Globals[_index];
}

internal sealed class PipeNode : Node
{
    private readonly Node _left;
    private readonly Node _right;

    public PipeNode(Node left, Node right)
    {
        _left = left;
        _right = right;
        IsSimple = AllSimple(left, right);
        CanPush = AllPush(left, right);
        Depth = DepthOf(left, right);
    }

    public override JqValue Eval(Machine m, JqValue input, Env? env)
    {
        var value = _left.Eval(m, input, env);
        return value.IsProper ? _right.Eval(m, value, env) : value;
    }

    public override JqValue EvalPath(Machine m, JqValue input, Env? env)
    {
        var value = _left.EvalPath(m, input, env);
        return value.IsProper ? _right.EvalPath(m, value, env) : value;
    }

    public override JqValue Push(Machine m, JqValue input, Env? env, Sink sink)
    {
        if (!_left.IsSimple)
        {
            return _left.Push(m, input, env, new RightSink(_right, env, sink));
        }

        var value = _left.Eval(m, input, env);
        return value.IsProper ? _right.Push(m, value, env, sink) : value.IsError ? value : default;
    }

    public override Node Step(Machine m)
    {
        if (IsSimple)
        {
            return base.Step(m);
        }

        if (!_left.IsSimple)
        {
            m.Cont = new RightFrame(m, _right, m.Env);
            return _left;
        }

        var value = m.Path is null ? _left.Eval(m, m.Value, m.Env) : _left.EvalPath(m, m.Value, m.Env);
        if (!value.IsProper)
        {
            return m.Improper(value);
        }

        m.Value = value;
        return _right;
    }

    private sealed class RightFrame(Machine m, Node right, Env? env) : Frame(m)
    {
        public override Node Resume(Machine machine)
        {
            machine.Env = env;
            return right;
        }
    }

    private sealed class RightSink(Node right, Env? env, Sink sink) : Sink
    {
        public override JqValue Accept(Machine m, JqValue value)
        {
            if (!right.IsSimple)
            {
                return right.Push(m, value, env, sink);
            }

            var result = right.Eval(m, value, env);
            return result.IsProper ? sink.Accept(m, result) : result.IsError ? result : default;
        }
    }
}

internal sealed class CommaNode : Node
{
    private readonly Node _left;
    private readonly Node _right;

    public CommaNode(Node left, Node right)
    {
        _left = left;
        _right = right;
        CanPush = AllPush(left, right);
        Depth = DepthOf(left, right);
    }

    public override JqValue Push(Machine m, JqValue input, Env? env, Sink sink)
    {
        var answer = _left.Push(m, input, env, sink);
        return answer.IsNull ? _right.Push(m, input, env, sink) : answer;
    }

    public override Node Step(Machine m)
    {
        m.PushFork(this);
        return _left;
    }

    public override Node Retry(Machine m, ref Fork fork)
    {
        m.Value = fork.Value;
        m.PopFork();
        return _right;
    }
}

/// <summary>Binds each output of the source, and runs the body on the input.</summary>
internal sealed class BindNode : Node
{
    private readonly Node _source;
    private readonly Node _body;

    public BindNode(Node source, Node body)
    {
        _source = source;
        _body = body;
        IsSimple = AllSimple(source, body);
        CanPush = AllPush(source, body);
        Depth = DepthOf(source, body);
    }

    public override JqValue Eval(Machine m, JqValue input, Env? env)
    {
        var value = _source.Eval(m, input, env);
        return value.IsProper ? _body.Eval(m, input, new Env(value, env)) : value;
    }

    public override JqValue EvalPath(Machine m, JqValue input, Env? env)
    {
        var value = EvalAside(m, _source, input, env);
        return value.IsProper ? _body.EvalPath(m, input, new Env(value, env)) : value;
    }

    public override JqValue Push(Machine m, JqValue input, Env? env, Sink sink) =>
        _source.Push(m, input, env, new BodySink(_body, input, env, sink));

    public override Node Step(Machine m)
    {
        if (IsSimple)
        {
            return base.Step(m);
        }

        if (!_source.IsSimple)
        {
            m.Cont = new BodyFrame(m, _body);
            m.Path = null;
            return _source;
        }

        var value = EvalAside(m, _source, m.Value, m.Env);
        if (!value.IsProper)
        {
            return m.Improper(value);
        }

        m.Env = new Env(value, m.Env);
        return _body;
    }

    private sealed class BodyFrame(Machine m, Node body) : Frame(m)
    {
        private readonly JqValue _input = m.Value;
        private readonly Env? _env = m.Env;
        private readonly PathTrail? _path = m.Path;

        public override Node Resume(Machine machine)
        {
            machine.Env = new Env(machine.Value, _env);
            machine.Value = _input;
            machine.Path = _path;
            return body;
        }
    }

    private sealed class BodySink(Node body, JqValue input, Env? env, Sink sink) : Sink
    {
        public override JqValue Accept(Machine m, JqValue value) => body.Push(m, input, new Env(value, env), sink);
    }
}

/// <summary><c>if</c>; without <c>else</c>, the input.</summary>
internal sealed class IfNode : Node
{
    private readonly Node _condition;
    private readonly Node _then;
    private readonly Node _otherwise;

    public IfNode(Node condition, Node then, Node otherwise)
    {
        _condition = condition;
        _then = then;
        _otherwise = otherwise;
        IsSimple = AllSimple(condition, then, otherwise);
        CanPush = AllPush(condition, then, otherwise);
        Depth = DepthOf(condition, then, otherwise);
    }

    public override JqValue Eval(Machine m, JqValue input, Env? env)
    {
        var condition = _condition.Eval(m, input, env);
        return condition.IsProper ? (condition.IsTruthy ? _then : _otherwise).Eval(m, input, env) : condition;
    }

    public override JqValue EvalPath(Machine m, JqValue input, Env? env)
    {
        var condition = EvalAside(m, _condition, input, env);
        return condition.IsProper ? (condition.IsTruthy ? _then : _otherwise).EvalPath(m, input, env) : condition;
    }

    public override JqValue Push(Machine m, JqValue input, Env? env, Sink sink)
    {
        if (!_condition.IsSimple)
        {
            return _condition.Push(m, input, env, new BranchSink(this, input, env, sink));
        }

        var condition = _condition.Eval(m, input, env);
        return condition.IsProper
            ? (condition.IsTruthy ? _then : _otherwise).Push(m, input, env, sink)
            : condition.IsError ? condition : default;
    }

    public override Node Step(Machine m)
    {
        if (IsSimple)
        {
            return base.Step(m);
        }

        if (!_condition.IsSimple)
        {
            m.Cont = new BranchFrame(m, this);
            m.Path = null;
            return _condition;
        }

        var condition = EvalAside(m, _condition, m.Value, m.Env);
        return condition.IsProper ? condition.IsTruthy ? _then : _otherwise : m.Improper(condition);
    }

    private sealed class BranchFrame(Machine m, IfNode node) : Frame(m)
    {
        private readonly JqValue _input = m.Value;
        private readonly Env? _env = m.Env;
        private readonly PathTrail? _path = m.Path;

        public override Node Resume(Machine machine)
        {
            var condition = machine.Value;
            machine.Value = _input;
            machine.Env = _env;
            machine.Path = _path;
            return condition.IsTruthy ? node._then : node._otherwise;
        }
    }

    private sealed class BranchSink(IfNode node, JqValue input, Env? env, Sink sink) : Sink
    {
        public override JqValue Accept(Machine m, JqValue value) =>
            (value.IsTruthy ? node._then : node._otherwise).Push(m, input, env, sink);
    }
}

/// <summary><c>and</c> and <c>or</c>: the right side is evaluated only where the left does not decide.</summary>
internal sealed class LogicNode : Node
{
    private readonly Node _left;
    private readonly Node _right;
    private readonly bool _decisive;

    /// <param name="decisive">The truth of the left side that decides: false for <c>and</c>, true for <c>or</c>.</param>
    public LogicNode(Node left, Node right, bool decisive)
    {
        _left = left;
        _right = right;
        _decisive = decisive;
        IsSimple = AllSimple(left, right);
        CanPush = IsSimple;
        Depth = DepthOf(left, right);
    }

    public override JqValue Eval(Machine m, JqValue input, Env? env)
    {
        var left = _left.Eval(m, input, env);
        if (!left.IsProper)
        {
            return left;
        }

        if (left.IsTruthy == _decisive)
        {
            return JqValue.From(_decisive);
        }

        var right = _right.Eval(m, input, env);
        return right.IsProper ? JqValue.From(right.IsTruthy) : right;
    }

    public override Node Step(Machine m)
    {
        if (IsSimple)
        {
            return base.Step(m);
        }

        m.Cont = new LeftFrame(m, this);
        m.Path = null;
        return _left;
    }

    private sealed class LeftFrame(Machine m, LogicNode node) : Frame(m)
    {
        private readonly JqValue _input = m.Value;
        private readonly Env? _env = m.Env;
        private readonly PathTrail? _path = m.Path;

        public override Node Resume(Machine machine)
        {
            if (machine.Value.IsTruthy == node._decisive)
            {
                machine.Path = _path;
                return machine.Deliver(JqValue.From(node._decisive));
            }

            machine.Value = _input;
            machine.Env = _env;
            machine.Cont = new RightFrame(machine, _path);
            return node._right;
        }
    }

    private sealed class RightFrame(Machine m, PathTrail? path) : Frame(m)
    {
        public override Node Resume(Machine machine)
        {
            machine.Path = path;
            return machine.Deliver(JqValue.From(machine.Value.IsTruthy));
        }
    }
}

/// <summary><c>label</c>.</summary>
internal sealed class LabelNode(Node body) : Node
{
    public override Node Step(Machine m)
    {
        m.Env = new LabelEnv(m.ForkCount, m.Env);
        return body;
    }
}

/// <summary><c>break</c>, to the label so many links up.</summary>
internal sealed class BreakNode(int up) : Node
{
    public override Node Step(Machine m)
    {
        m.Cut(((LabelEnv)Env.Up(m.Env, up)!).ForkCount);
        return m.Backtrack();
    }
}
