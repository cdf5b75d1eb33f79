namespace Baton.Jq;

/// <summary>A function of the values of its operands, evaluated for every combination of their outputs.</summary>
/// <remarks>The first operand varies slowest. Each is evaluated on the input, aside from the path.</remarks>
internal abstract class ApplyNode : Node
{
    private readonly Node[] _operands;

    protected ApplyNode(params Node[] operands)
    {
        _operands = operands;
        IsSimple = AllSimple(operands);
        CanPush = IsSimple;
        Depth = DepthOf(operands);
    }

    /// <summary>The last operand is evaluated along the path, and <see cref="Apply"/> extends it.</summary>
    protected virtual bool FollowsPath => false;

    public override JqValue Eval(Machine m, JqValue input, Env? env)
    {
        var values = new JqValue[_operands.Length];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = _operands[i].Eval(m, input, env);
            if (!values[i].IsProper)
            {
                return values[i];
            }
        }

        return Apply(m, input, values);
    }

    public override JqValue EvalPath(Machine m, JqValue input, Env? env)
    {
        if (!FollowsPath)
        {
            return base.EvalPath(m, input, env);
        }

        var values = new JqValue[_operands.Length];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = i == values.Length - 1
                ? _operands[i].EvalPath(m, input, env)
                : EvalAside(m, _operands[i], input, env);
            if (!values[i].IsProper)
            {
                return values[i];
            }
        }

        return Apply(m, input, values);
    }

    public override Node Step(Machine m) => IsSimple ? base.Step(m) : Operand(m, 0, [], m.Value, m.Env, m.Path);

    /// <summary>The result for one combination; may be empty or an error.</summary>
    protected abstract JqValue Apply(Machine m, JqValue input, JqValue[] values);

    private Node Operand(Machine m, int index, JqValue[] before, JqValue input, Env? env, PathTrail? path)
    {
        m.Value = input;
        m.Env = env;
        m.Cont = new OperandFrame(m, this, index, before, input, path);
        m.Path = FollowsPath && index == _operands.Length - 1 ? path : null;
        return _operands[index];
    }

    private sealed class OperandFrame(Machine m, ApplyNode node, int index, JqValue[] before, JqValue input, PathTrail? path) : Frame(m)
    {
        private readonly Env? _env = m.Env;

        public override Node Resume(Machine machine)
        {
            JqValue[] values = [.. before, machine.Value];
            if (index + 1 < node._operands.Length)
            {
                return node.Operand(machine, index + 1, values, input, _env, path);
            }

            if (!node.FollowsPath)
            {
                machine.Path = path;
            }

            return machine.Deliver(node.Apply(machine, input, values));
        }
    }
}

/// <summary>A built-in function of the input alone.</summary>
internal sealed class Native0Node : Node
{
    private readonly Func<Machine, JqValue, JqValue> _function;

    public Native0Node(Func<Machine, JqValue, JqValue> function)
    {
        _function = function;
        IsSimple = CanPush = true;
    }

    public override JqValue Eval(Machine m, JqValue input, Env? env)
    {
        m.Meter.Settle(input);
        return _function(m, input);
    }
}

/// <summary>A built-in function of the input and one argument.</summary>
internal sealed class Native1Node(Func<Machine, JqValue, JqValue, JqValue> function, Node argument) : ApplyNode(argument)
{
    private readonly Node _argument = argument;

    public override JqValue Eval(Machine m, JqValue input, Env? env)
    {
        var value = _argument.Eval(m, input, env);
        return value.IsProper ? Call(m, input, value) : value;
    }

    protected override JqValue Apply(Machine m, JqValue input, JqValue[] values) => Call(m, input, values[0]);

    private JqValue Call(Machine m, in JqValue input, in JqValue value)
    {
        m.Meter.Settle(input);
        m.Meter.Settle(value);
        return function(m, input, value);
    }
}

/// <summary>A built-in function of the input and several arguments; the last varies slowest.</summary>
internal sealed class NativeNode(Func<Machine, JqValue, JqValue[], JqValue> function, Node[] arguments)
    : ApplyNode(arguments.Reverse().ToArray())
{
    protected override JqValue Apply(Machine m, JqValue input, JqValue[] values)
    {
        Array.Reverse(values);
        m.Meter.Settle(input);
        foreach (ref readonly var value in values.AsSpan())
        {
            m.Meter.Settle(value);
        }

        return function(m, input, values);
    }
}

/// <summary>Arithmetic and comparison. The right side varies slowest.</summary>
internal sealed class BinaryNode(Func<Machine, JqValue, JqValue, JqValue> function, Node left, Node right) : ApplyNode(right, left)
{
    private readonly Node _left = left;
    private readonly Node _right = right;

    public override JqValue Eval(Machine m, JqValue input, Env? env)
    {
        var right = _right.Eval(m, input, env);
        if (!right.IsProper)
        {
            return right;
        }

        var left = _left.Eval(m, input, env);
        return left.IsProper ? function(m, left, right) : left;
    }

    protected override JqValue Apply(Machine m, JqValue input, JqValue[] values) => function(m, values[1], values[0]);
}

/// <summary>An object built from keys and values; the first field varies slowest, and a key before its value.</summary>
internal sealed class ObjectNode : ApplyNode
{
    private readonly Node[] _operands;
    private readonly string[]? _constantKeys;

    public ObjectNode(Node[] operands)
        : base(operands)
    {
        _operands = operands;
        var keys = new string[operands.Length / 2];
        for (var i = 0; i < keys.Length; i++)
        {
            if (operands[2 * i] is not ConstantNode { Value.Ref: string key } || Array.IndexOf(keys, key) >= 0)
            {
                return;
            }

            keys[i] = key;
        }

        _constantKeys = keys;
    }

    public override JqValue Eval(Machine m, JqValue input, Env? env)
    {
        if (_constantKeys is not { } keys)
        {
            return base.Eval(m, input, env);
        }

        var builder = JqObject.NewEntries(keys.Length);
        for (var i = 0; i < keys.Length; i++)
        {
            var value = _operands[(2 * i) + 1].Eval(m, input, env);
            if (!value.IsProper)
            {
                return value;
            }

            builder[i].Key = keys[i];
            builder[i].Value = value;
        }

        return JqValue.From(JqObject.OfDistinct(builder));
    }

    protected override JqValue Apply(Machine m, JqValue input, JqValue[] values)
    {
        var builder = new JqObjectBuilder(values.Length / 2);
        for (var i = 0; i < values.Length; i += 2)
        {
            if (values[i].Ref is not string key)
            {
                return Errors.Raise($"Object keys must be strings, not {Errors.Describe(values[i])}");
            }

            builder.Set(key, values[i + 1]);
        }

        return JqValue.From(builder.ToObject());
    }
}

/// <summary>A string with interpolations; the last varies slowest.</summary>
internal sealed class TemplateNode(string?[] texts, Func<Machine, JqValue, JqValue> format, Node[] parts)
    : ApplyNode(parts.Reverse().ToArray())
{
    /// <summary>Texts stand where given; a null takes the next part.</summary>
    protected override JqValue Apply(Machine m, JqValue input, JqValue[] values)
    {
        var result = new System.Text.StringBuilder();
        var next = values.Length;
        foreach (var text in texts)
        {
            if (text is not null)
            {
                result.Append(text);
                continue;
            }

            var formatted = format(m, values[--next]);
            if (formatted.Ref is not string piece)
            {
                return formatted;
            }

            m.Meter.ChargeText((long)result.Length + piece.Length);
            result.Append(piece);
        }

        return result.ToString();
    }
}
