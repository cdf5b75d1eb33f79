namespace Baton.Jq;

/// <summary><c>.[key]</c>: the key varies slowest, the target is followed along the path.</summary>
internal sealed class IndexNode(Node target, Node key, bool optional) : ApplyNode(key, target)
{
    private readonly Node _target = target;
    private readonly Node _key = key;
    private readonly string? _name = (key as ConstantNode)?.Value.Ref as string;

    protected override bool FollowsPath => true;

    public override JqValue Eval(Machine m, JqValue input, Env? env)
    {
        if (_name is null)
        {
            var key = _key.Eval(m, input, env);
            if (!key.IsProper)
            {
                return key;
            }

            var target = _target.Eval(m, input, env);
            return target.IsProper ? Settle(Access.Get(target, key, m.Meter)) : target;
        }

        var owner = ReferenceEquals(_target, IdentityNode.Instance) ? input : _target.Eval(m, input, env);
        if (owner.Ref is JqObject obj)
        {
            return obj.Get(_name);
        }

        return owner.IsProper ? Settle(Access.Get(owner, _name, m.Meter)) : owner;
    }

    protected override JqValue Apply(Machine m, JqValue input, JqValue[] values) => Settle(Access.Follow(m, values[1], values[0]));

    private JqValue Settle(JqValue value) => optional && value.IsError ? JqValue.Empty : value;
}

/// <summary><c>.[from:to]</c>.</summary>
internal sealed class SliceNode(Node target, Node from, Node to, bool optional) : ApplyNode(from, to, target)
{
    protected override bool FollowsPath => true;

    protected override JqValue Apply(Machine m, JqValue input, JqValue[] values)
    {
        var key = new JqObjectBuilder(2);
        key.Set("start", values[0]);
        key.Set("end", values[1]);
        var value = Access.Follow(m, values[2], JqValue.From(key.ToObject()));
        return optional && value.IsError ? JqValue.Empty : value;
    }
}

/// <summary><c>getpath</c>: follows all of it at once; what is missing is null.</summary>
internal sealed class GetPathNode(Node path) : ApplyNode(path, IdentityNode.Instance)
{
    protected override bool FollowsPath => true;

    protected override JqValue Apply(Machine m, JqValue input, JqValue[] values)
    {
        var value = Access.GetPath(input, values[0], m.Meter);
        if (m.Path is not { } trail || !value.IsProper)
        {
            return value;
        }

        if (!JqValue.Identical(trail.At, input))
        {
            return Errors.Raise($"Invalid path expression with result {Errors.Dump(input)}");
        }

        foreach (var key in values[0].EnumerateArray())
        {
            trail = trail.To(key, value);
        }

        m.Path = trail;
        return value;
    }
}

/// <summary><c>.[]</c>.</summary>
internal sealed class IterateNode : Node
{
    private readonly Node _target;
    private readonly bool _optional;

    public IterateNode(Node target, bool optional)
    {
        _target = target;
        _optional = optional;
        CanPush = AllPush(target);
        Depth = DepthOf(target);
    }

    public override JqValue Push(Machine m, JqValue input, Env? env, Sink sink)
    {
        if (!_target.IsSimple)
        {
            return _target.Push(m, input, env, new EachSink(this, sink));
        }

        var target = _target.Eval(m, input, env);
        return target.IsProper ? PushAll(m, target, sink) : target.IsError ? target : default;
    }

    public override Node Step(Machine m)
    {
        if (!_target.IsSimple)
        {
            m.Cont = new TargetFrame(m, this);
            return _target;
        }

        var target = m.Path is null ? _target.Eval(m, m.Value, m.Env) : _target.EvalPath(m, m.Value, m.Env);
        return target.IsProper ? Begin(m, target) : m.Improper(target);
    }

    public override Node Retry(Machine m, ref Fork fork)
    {
        var index = (int)fork.Index;
        var container = fork.Value;
        if (++fork.Index >= container.Count)
        {
            m.PopFork();
        }

        return Element(m, container, index);
    }

    private JqValue PushAll(Machine m, JqValue target, Sink sink)
    {
        if (target.Ref is JqArray array)
        {
            for (var i = 0; i < array.Count; i++)
            {
                m.Meter.Step();
                var answer = sink.Accept(m, array[i]);
                if (!answer.IsNull)
                {
                    return answer;
                }
            }

            return default;
        }

        if (target.Ref is not JqObject obj)
        {
            return _optional ? default : Refuse(target);
        }

        for (var i = 0; i < obj.Count; i++)
        {
            m.Meter.Step();
            var answer = sink.Accept(m, obj.ValueAt(i));
            if (!answer.IsNull)
            {
                return answer;
            }
        }

        return default;
    }

    private Node Begin(Machine m, JqValue target)
    {
        if (m.Path is { } path && !JqValue.Identical(path.At, target))
        {
            return m.Deliver(Errors.Raise($"Invalid path expression near attempt to iterate through {Errors.Dump(target)}"));
        }

        if (target.Ref is not (JqArray or JqObject))
        {
            return _optional ? m.Backtrack() : m.Deliver(Refuse(target));
        }

        if (target.Count == 0)
        {
            return m.Backtrack();
        }

        if (target.Count > 1)
        {
            ref var fork = ref m.PushFork(this);
            fork.Value = target;
            fork.Index = 1;
        }

        return Element(m, target, 0);
    }

    private static Node Element(Machine m, JqValue container, int index)
    {
        if (container.Ref is JqArray array)
        {
            m.Value = array[index];
            m.Path = m.Path?.To(JqValue.From((double)index), m.Value);
        }
        else
        {
            var obj = (JqObject)container.Ref!;
            m.Value = obj.ValueAt(index);
            m.Path = m.Path?.To(obj.KeyAt(index), m.Value);
        }

        return ReturnNode.Instance;
    }

    private static JqValue Refuse(JqValue target) =>
        Errors.Raise(target.IsNull ? "Cannot iterate over null" : $"Cannot iterate over {Errors.Describe(target)}");

    private sealed class TargetFrame(Machine m, IterateNode node) : Frame(m)
    {
        public override Node Resume(Machine machine) => node.Begin(machine, machine.Value);
    }

    private sealed class EachSink(IterateNode node, Sink sink) : Sink
    {
        public override JqValue Accept(Machine m, JqValue value) => node.PushAll(m, value, sink);
    }
}

/// <summary><c>path(f)</c>.</summary>
internal sealed class PathOfNode : Node
{
    private readonly Node _body;

    public PathOfNode(Node body)
    {
        _body = body;
        IsSimple = AllSimple(body);
        CanPush = IsSimple;
        Depth = DepthOf(body);
    }

    public override JqValue Eval(Machine m, JqValue input, Env? env)
    {
        var outer = m.Path;
        m.Path = PathTrail.Root(input);
        var value = _body.EvalPath(m, input, env);
        var result = value.IsProper ? Finish(m, value) : value;
        m.Path = outer;
        return result;
    }

    public override Node Step(Machine m)
    {
        if (IsSimple)
        {
            return base.Step(m);
        }

        m.Cont = new EndFrame(m);
        m.Path = PathTrail.Root(m.Value);
        return _body;
    }

    private static JqValue Finish(Machine m, JqValue value) =>
        JqValue.Identical(m.Path!.At, value)
            ? m.Path.ToValue()
            : Errors.Raise($"Invalid path expression with result {Errors.Dump(value)}");

    private sealed class EndFrame(Machine m) : Frame(m)
    {
        private readonly PathTrail? _outer = m.Path;

        public override Node Resume(Machine machine)
        {
            var result = Finish(machine, machine.Value);
            machine.Path = _outer;
            return machine.Deliver(result);
        }
    }
}

/// <summary><c>..</c>: the value and everything in it, parents first, children in order.</summary>
internal sealed class RecurseNode : Node
{
    public static readonly RecurseNode Instance = new();

    private RecurseNode() => CanPush = true;

    public override JqValue Push(Machine m, JqValue input, Env? env, Sink sink)
    {
        var pending = new Stack<JqValue>();
        pending.Push(input);
        while (pending.TryPop(out var value))
        {
            m.Meter.Step();
            var answer = sink.Accept(m, value);
            if (!answer.IsNull)
            {
                return answer;
            }

            for (var i = value.Count - 1; i >= 0; i--)
            {
                pending.Push(value.Ref is JqArray array ? array[i] : ((JqObject)value.Ref!).ValueAt(i));
            }
        }

        return default;
    }

    public override Node Step(Machine m)
    {
        if (m.Path is { } path && !JqValue.Identical(path.At, m.Value))
        {
            return m.Deliver(Errors.Raise($"Invalid path expression near attempt to iterate through {Errors.Dump(m.Value)}"));
        }

        return Visit(m);
    }

    public override Node Retry(Machine m, ref Fork fork)
    {
        var index = (int)fork.Index;
        var container = fork.Value;
        if (++fork.Index >= container.Count)
        {
            m.PopFork();
        }

        if (container.Ref is JqArray array)
        {
            m.Value = array[index];
            m.Path = m.Path?.To(JqValue.From((double)index), m.Value);
        }
        else
        {
            var obj = (JqObject)container.Ref!;
            m.Value = obj.ValueAt(index);
            m.Path = m.Path?.To(obj.KeyAt(index), m.Value);
        }

        return Visit(m);
    }

    private ReturnNode Visit(Machine m)
    {
        if (m.Value.Count > 0)
        {
            m.PushFork(this);
        }

        return ReturnNode.Instance;
    }
}
