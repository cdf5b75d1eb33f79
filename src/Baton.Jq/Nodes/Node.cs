namespace Baton.Jq;

/// <summary>One compiled expression. Immutable once compiled, and shared by all evaluations of its program.</summary>
internal abstract class Node
{
    /// <summary>Trees deeper than this are stepped through on the heap instead of evaluated on the thread's stack.</summary>
    public const int MaxSimpleDepth = 100;

    /// <summary>At most one output, and <see cref="Eval"/> and <see cref="EvalPath"/> give it.</summary>
    public bool IsSimple { get; protected init; }

    /// <summary>Any number of outputs, and <see cref="Push"/> gives them. Every simple node can push as well.</summary>
    public bool CanPush { get; protected init; }

    /// <summary>Levels of nodes below this one that evaluation or pushing would put on the thread's stack.</summary>
    public int Depth { get; protected init; }

    /// <summary>The output, or <see cref="JqValue.Empty"/>, or a raised error.</summary>
    public virtual JqValue Eval(Machine m, JqValue input, Env? env) => throw new InvalidOperationException();

    /// <summary>As <see cref="Eval"/>, extending the machine's path. By default the output is a value off any path.</summary>
    public virtual JqValue EvalPath(Machine m, JqValue input, Env? env)
    {
        var path = m.Path;
        m.Path = null;
        var value = Eval(m, input, env);
        m.Path = path;
        return value;
    }

    /// <summary>
    /// Gives each output to the sink, without path. Answers null when done; what the sink answered, where it wants no
    /// more; or a raised error.
    /// </summary>
    public virtual JqValue Push(Machine m, JqValue input, Env? env, Sink sink)
    {
        var value = Eval(m, input, env);
        return value.IsProper ? sink.Accept(m, value) : value.IsError ? value : default;
    }

    /// <summary>Runs with the machine's value as input; answers what to run next.</summary>
    public virtual Node Step(Machine m) =>
        m.Deliver(m.Path is null ? Eval(m, m.Value, m.Env) : EvalPath(m, m.Value, m.Env));

    /// <summary>Goes on from a fork that this node pushed; the machine is as it was then, but for the value.</summary>
    public virtual Node Retry(Machine m, ref Fork fork) => throw new InvalidOperationException();

    protected static bool AllSimple(params ReadOnlySpan<Node?> nodes)
    {
        foreach (var node in nodes)
        {
            if (node is { IsSimple: false } or { Depth: >= MaxSimpleDepth })
            {
                return false;
            }
        }

        return true;
    }

    protected static bool AllPush(params ReadOnlySpan<Node?> nodes)
    {
        foreach (var node in nodes)
        {
            if (node is { CanPush: false } or { Depth: >= MaxSimpleDepth })
            {
                return false;
            }
        }

        return true;
    }

    protected static int DepthOf(params ReadOnlySpan<Node?> nodes)
    {
        var depth = 0;
        foreach (var node in nodes)
        {
            depth = Math.Max(depth, node?.Depth ?? 0);
        }

        return depth + 1;
    }

    /// <summary>Evaluates a simple operand whose place in the path does not matter.</summary>
    protected static JqValue EvalAside(Machine m, Node node, JqValue input, Env? env)
    {
        var path = m.Path;
        m.Path = null;
        var value = node.Eval(m, input, env);
        m.Path = path;
        return value;
    }
}

/// <summary>Takes pushed outputs. Answers null to go on; anything else ends the pushing and is answered in turn.</summary>
internal abstract class Sink
{
    /// <summary>An answer that ends the pushing without an error.</summary>
    public static JqValue Enough => JqValue.Empty;

    public abstract JqValue Accept(Machine m, JqValue value);
}
