namespace Baton.Jq;

/// <summary>The compiled body of a function; set once compiled, so that bodies can call each other.</summary>
internal sealed class FunctionCode
{
    public Node? Body { get; set; }
}

/// <summary>A call that the compiler did not expand in place. In tail position it leaves no frame behind.</summary>
internal sealed class CallNode(FunctionCode function, int up, Node[] arguments) : Node
{
    public override Node Step(Machine m)
    {
        var caller = m.Env;
        var env = Env.Up(caller, up);
        foreach (var argument in arguments)
        {
            // An argument that only passes on an argument is resolved now: chains of them would hold on to every caller.
            env = argument is ParameterNode parameter
                ? parameter.Forward(caller, env)
                : new ClosureEnv(argument, caller, env);
        }

        m.Env = env;
        return function.Body!;
    }
}

/// <summary>Runs the filter given for a parameter, so many links up.</summary>
internal sealed class ParameterNode(int up) : Node
{
    public override Node Step(Machine m)
    {
        var closure = (ClosureEnv)Env.Up(m.Env, up)!;
        m.Env = closure.Scope;
        return closure.Body;
    }

    public ClosureEnv Forward(Env? caller, Env? parent)
    {
        var closure = (ClosureEnv)Env.Up(caller, up)!;
        return new(closure.Body, closure.Scope, parent);
    }
}
