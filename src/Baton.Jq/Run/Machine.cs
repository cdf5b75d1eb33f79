using System.Runtime.CompilerServices;

namespace Baton.Jq;

/// <summary>Evaluates one program on one input, one output at a time.</summary>
/// <remarks>
/// A program is a tree of nodes; a step runs one node and names the next. The state is the current value, the names
/// in scope, a continuation (a linked list of frames: what to do with the value), and a stack of forks (alternatives
/// to backtrack to). All of it lives on the heap: recursion of the program costs no thread stack, a call in tail
/// position costs nothing, and an enumeration can stop and go on.
///
/// Nodes that yield at most one output and contain no call are "simple" and evaluated directly as a tree
/// (<see cref="Node.Eval"/>), which is where nearly all time is spent. Generators that do not recurse can push
/// their outputs (<see cref="Node.Push"/>), which makes whoever collects them simple as well.
///
/// While <see cref="Path"/> is set, the machine evaluates a path expression: nodes that navigate extend it, and
/// those whose operands are plain values evaluate them with it set aside.
/// </remarks>
internal sealed class Machine(Meter meter, JqValue[] globals, JqHost host, bool isDeterministic)
{
    public JqValue Value;
    public Env? Env;
    public Frame? Cont;
    public Handler? Handler;
    public PathTrail? Path;

    private Fork[] _forks = [];
    private int _forkCount;
    private Node? _next;

    public Meter Meter { get; } = meter;

    public JqValue[] Globals { get; } = globals;

    public JqHost Host { get; } = host;

    public bool IsDeterministic { get; } = isDeterministic;

    public int ForkCount => _forkCount;

    /// <summary>Begins anew; what an earlier evaluation left behind is dropped.</summary>
    public void Start(Node program, in JqValue input)
    {
        Cut(0);
        Value = input;
        Env = null;
        Cont = null;
        Handler = null;
        Path = null;
        _next = program;
    }

    /// <summary>Runs to the next output; false at the end.</summary>
    public bool MoveNext()
    {
        var node = _next ?? Backtrack();
        _next = null;
        while (true)
        {
            try
            {
                while (!ReferenceEquals(node, EndNode.Instance))
                {
                    if (ReferenceEquals(node, ReturnNode.Instance))
                    {
                        if (Cont is not { } frame)
                        {
                            return true;
                        }

                        Cont = frame.Parent;
                        node = frame.Resume(this);
                        continue;
                    }

                    Meter.Step();
                    node = node.Step(this);
                }

                return false;
            }
            catch (DepthException e)
            {
                node = Raise(new RaisedError(e.Message));
            }
        }
    }

    /// <summary>Hands an evaluated value on: to the continuation, to the nearest <c>try</c>, or nowhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Node Deliver(in JqValue value)
    {
        if (!value.IsProper)
        {
            return Improper(value);
        }

        Value = value;
        return ReturnNode.Instance;
    }

    public Node Improper(in JqValue value) => value.Ref is RaisedError error ? Raise(error) : Backtrack();

    public Node Raise(RaisedError error)
    {
        if (Handler is not { } handler)
        {
            throw new JqRuntimeException(error.Value);
        }

        Cut(handler.ForkCount);
        Handler = handler.Parent;
        Env = handler.Env;
        Cont = handler.Cont;
        Path = handler.Path;
        if (handler.Catch is null)
        {
            return Backtrack();
        }

        Value = error.Value;
        return handler.Catch;
    }

    public Node Backtrack() => BacktrackNode.Instance;

    /// <summary>Resumes the newest fork.</summary>
    public Node Retry()
    {
        if (_forkCount == 0)
        {
            return EndNode.Instance;
        }

        ref var fork = ref _forks[_forkCount - 1];
        Env = fork.Env;
        Cont = fork.Cont;
        Handler = fork.Handler;
        Path = fork.Path;
        return fork.Node.Retry(this, ref fork);
    }

    public ref Fork PushFork(Node node)
    {
        if (_forkCount == _forks.Length)
        {
            Meter.CheckDepth(_forkCount);
            Array.Resize(ref _forks, Math.Max(8, _forkCount * 2));
        }

        ref var fork = ref _forks[_forkCount++];
        fork.Node = node;
        fork.Value = Value;
        fork.Env = Env;
        fork.Cont = Cont;
        fork.Handler = Handler;
        fork.Path = Path;
        return ref fork;
    }

    public void PopFork() => _forks[--_forkCount] = default;

    /// <summary>Drops every alternative newer than the count.</summary>
    public void Cut(int forkCount)
    {
        while (_forkCount > forkCount)
        {
            _forks[--_forkCount] = default;
        }
    }
}

/// <summary>Stands for "hand the value to the continuation".</summary>
internal sealed class ReturnNode : Node
{
    public static readonly ReturnNode Instance = new();

    public override Node Step(Machine m) => this;
}

/// <summary>Stands for "the current alternative has no more outputs".</summary>
internal sealed class BacktrackNode : Node
{
    public static readonly BacktrackNode Instance = new();

    public override Node Step(Machine m) => m.Retry();
}

/// <summary>Stands for "there are no more outputs at all".</summary>
internal sealed class EndNode : Node
{
    public static readonly EndNode Instance = new();

    public override Node Step(Machine m) => this;
}
