namespace Baton.Jq;

/// <summary>
/// What names stand for while a program runs: a chain, innermost first. The compiler knows how far along it each
/// name lies. Never changed, so that any number of pending alternatives can share it.
/// </summary>
internal class Env(in JqValue value, Env? parent)
{
    public JqValue Value { get; } = value;

    public Env? Parent { get; } = parent;

    public static Env? Up(Env? env, int count)
    {
        for (; count > 0; count--)
        {
            env = env!.Parent;
        }

        return env;
    }
}

/// <summary>A filter given as an argument, with the names visible where it was written.</summary>
internal sealed class ClosureEnv(Node body, Env? scope, Env? parent) : Env(default, parent)
{
    public Node Body { get; } = body;

    public Env? Scope { get; } = scope;
}

/// <summary>A label: <c>break</c> drops every alternative that arose since it was entered.</summary>
internal sealed class LabelEnv(int forkCount, Env? parent) : Env(default, parent)
{
    public int ForkCount { get; } = forkCount;
}

/// <summary>The path to the current value, while a path expression is evaluated.</summary>
/// <param name="At">The value that the path leads to, so that an expression which is no path can be told.</param>
internal sealed record PathTrail(PathTrail? Parent, JqValue Key, JqValue At, int Length)
{
    public static PathTrail Root(in JqValue value) => new(null, default, value, 0);

    public PathTrail To(in JqValue key, in JqValue value) => new(this, key, value, Length + 1);

    public JqValue ToValue()
    {
        var keys = new JqValue[Length];
        var node = this;
        for (var i = Length - 1; i >= 0; i--)
        {
            keys[i] = node!.Key;
            node = node.Parent;
        }

        return JqValue.From(JqArray.Of(keys));
    }
}
