namespace Baton.Jq;

/// <summary>What to do with the next value: one link of the continuation.</summary>
internal abstract class Frame
{
    protected Frame(Machine machine)
    {
        Parent = machine.Cont;
        Depth = (Parent?.Depth ?? 0) + 1;
        machine.Meter.CheckDepth(Depth);
    }

    public Frame? Parent { get; }

    public int Depth { get; }

    /// <summary>Called with the value in the machine and the parent as its continuation.</summary>
    public abstract Node Resume(Machine machine);
}

/// <summary>Where the machine goes on when the current alternative has ended.</summary>
internal struct Fork
{
    public Node Node;
    public JqValue Value;
    public Env? Env;
    public Frame? Cont;
    public Handler? Handler;
    public PathTrail? Path;
    public object? State;
    public double Index;
}

/// <summary>A <c>try</c> in effect.</summary>
/// <param name="ForkCount">Alternatives at its entry; those that arose since are dropped when it catches.</param>
internal sealed record Handler(Handler? Parent, int ForkCount, Node? Catch, Env? Env, Frame? Cont, PathTrail? Path);
