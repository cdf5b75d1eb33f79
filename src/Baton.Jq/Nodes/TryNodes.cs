namespace Baton.Jq;

/// <summary><c>try</c>: an error inside the body goes to the handler; one raised further on, by others, does not.</summary>
internal sealed class TryNode : Node
{
    private readonly Node _body;
    private readonly Node? _handler;

    public TryNode(Node body, Node? handler)
    {
        _body = body;
        _handler = handler;
        IsSimple = AllSimple(body, handler);
        CanPush = IsSimple;
        Depth = DepthOf(body, handler);
    }

    public override JqValue Eval(Machine m, JqValue input, Env? env)
    {
        var value = Attempt(m, _body, input, env);
        return value.Ref is not RaisedError error ? value : _handler is null ? JqValue.Empty : _handler.Eval(m, error.Value, env);
    }

    public override JqValue EvalPath(Machine m, JqValue input, Env? env)
    {
        var path = m.Path;
        var value = Attempt(m, _body, input, env);
        if (value.Ref is not RaisedError error)
        {
            return value;
        }

        m.Path = path;
        return _handler is null ? JqValue.Empty : _handler.EvalPath(m, error.Value, env);
    }

    public override Node Step(Machine m)
    {
        if (IsSimple)
        {
            return base.Step(m);
        }

        m.Handler = new Handler(m.Handler, m.ForkCount, _handler, m.Env, m.Cont, m.Path);
        m.Cont = new LeaveFrame(m);
        return _body;
    }

    /// <summary>Evaluates, along the path where there is one; too much depth is an error like any other.</summary>
    public static JqValue Attempt(Machine m, Node body, JqValue input, Env? env)
    {
        var path = m.Path;
        try
        {
            return path is null ? body.Eval(m, input, env) : body.EvalPath(m, input, env);
        }
        catch (DepthException e)
        {
            m.Path = path;
            return Errors.Raise(e.Message);
        }
    }
}

/// <summary>Leaves the newest <c>try</c>, whose body has given an output.</summary>
internal sealed class LeaveFrame(Machine m) : Frame(m)
{
    private readonly Handler? _outer = m.Handler!.Parent;

    public override Node Resume(Machine machine)
    {
        machine.Handler = _outer;
        return ReturnNode.Instance;
    }
}

/// <summary><c>a // b</c>: the true outputs of a, its errors ignored; those of b where there are none.</summary>
internal sealed class AlternativeNode : Node
{
    private readonly Node _left;
    private readonly Node _right;

    public AlternativeNode(Node left, Node right)
    {
        _left = left;
        _right = right;
        IsSimple = AllSimple(left, right);
        CanPush = IsSimple;
        Depth = DepthOf(left, right);
    }

    public override JqValue Eval(Machine m, JqValue input, Env? env)
    {
        var value = TryNode.Attempt(m, _left, input, env);
        return value.IsProper && value.IsTruthy ? value : _right.Eval(m, input, env);
    }

    public override JqValue EvalPath(Machine m, JqValue input, Env? env)
    {
        var path = m.Path;
        var value = TryNode.Attempt(m, _left, input, env);
        if (value.IsProper && value.IsTruthy)
        {
            return value;
        }

        m.Path = path;
        return _right.EvalPath(m, input, env);
    }

    public override Node Step(Machine m)
    {
        if (IsSimple)
        {
            return base.Step(m);
        }

        var found = new Found();
        m.PushFork(this).State = found;
        m.Handler = new Handler(m.Handler, m.ForkCount, null, m.Env, m.Cont, m.Path);
        m.Cont = new LeftFrame(m, found);
        return _left;
    }

    public override Node Retry(Machine m, ref Fork fork)
    {
        var found = (Found)fork.State!;
        m.Value = fork.Value;
        m.PopFork();
        return found.Any ? m.Backtrack() : _right;
    }

    private sealed class Found
    {
        public bool Any;
    }

    private sealed class LeftFrame(Machine m, Found found) : Frame(m)
    {
        private readonly Handler? _outer = m.Handler!.Parent;

        public override Node Resume(Machine machine)
        {
            if (!machine.Value.IsTruthy)
            {
                return machine.Backtrack();
            }

            found.Any = true;
            machine.Handler = _outer;
            return ReturnNode.Instance;
        }
    }
}

/// <summary><c>?//</c>: each pattern with its body, until one of them raises no error.</summary>
internal sealed class FirstThatFitsNode(Node attempt, Node next) : Node
{
    public override Node Step(Machine m)
    {
        m.Handler = new Handler(m.Handler, m.ForkCount, new Resumption(next, m.Value), m.Env, m.Cont, m.Path);
        m.Cont = new LeaveFrame(m);
        return attempt;
    }

    /// <summary>Runs the next attempt on the input, not on the error.</summary>
    private sealed class Resumption(Node next, JqValue input) : Node
    {
        public override Node Step(Machine m)
        {
            m.Value = input;
            return next;
        }
    }
}

/// <summary>Gives the names that the patterns of a <c>?//</c> share one order, whichever pattern bound them.</summary>
internal sealed class RebaseNode(int up, int[] variables, Node body) : Node
{
    public override Node Step(Machine m)
    {
        var env = Env.Up(m.Env, up);
        foreach (var variable in variables)
        {
            env = new Env(Env.Up(m.Env, variable)!.Value, env);
        }

        m.Env = env;
        return body;
    }
}
