using System.Collections.Immutable;
using Baton.Flows.Expressions;
using Baton.Flows.Parse;
using Baton.Jq;

namespace Baton.Flows.Model;

/// <summary>One task with what all tasks have in common.</summary>
public abstract record FlowTask
{
    public required string Name { get; init; }

    /// <summary>JSON pointer within the definition, such as <c>/do/0/getPet</c>; the <c>instance</c> of the errors it raises.</summary>
    public required string Pointer { get; init; }

    public required SourceNode Source { get; init; }

    public FlowExpression? If { get; init; }

    public FlowInput? Input { get; init; }

    public FlowOutput? Output { get; init; }

    public FlowExport? Export { get; init; }

    public FlowTimeout? Timeout { get; init; }

    public FlowDirective Then { get; init; } = FlowDirective.Continue;

    /// <summary>The word that makes the task what it is: call, do, emit, ...</summary>
    public abstract string Kind { get; }

    public SourcePosition Position => Source.Position;

    /// <summary>The task as JSON: what expressions see as <c>$task.definition</c>.</summary>
    internal JqValue Definition => (JqValue)(_definition ??= JqValue.Parse(Source.ToUtf8Json()));

    // Boxed: definitions are shared between threads, and a reference is written at once.
    private object? _definition;
}

/// <summary>Where to go after a task: continue, exit, end, or the name of a task of the same list.</summary>
public readonly record struct FlowDirective(string Text, SourcePosition Position)
{
    public static FlowDirective Continue => new("continue", default);

    /// <summary>Chosen by a switch or a catch, and then a 'continue' goes before the 'then' of the task.</summary>
    internal bool IsExplicit { get; init; }

    public bool IsContinue => Text == "continue";

    public bool IsExit => Text == "exit";

    public bool IsEnd => Text == "end";

    /// <summary>The task to go to, or null for the three words of the language.</summary>
    public string? Target => Text is "continue" or "exit" or "end" ? null : Text;
}

public sealed record CallTask : FlowTask
{
    /// <summary>http, openapi, grpc, asyncapi, a2a, mcp, or a function: its name in use.functions, NAME:VERSION@CATALOG, or a URL.</summary>
    public required string Function { get; init; }

    /// <summary>The arguments with their expressions, but for the parts that the members below hold.</summary>
    public required FlowTemplate With { get; init; }

    public FlowEndpoint? Endpoint { get; init; }

    /// <summary>document, proto or agentCard.</summary>
    public FlowEndpoint? Document { get; init; }

    public FlowAuthentication? Authentication { get; init; }

    public AsyncApiSubscription? Subscription { get; init; }

    public FlowDuration? CallTimeout { get; init; }

    public bool IsFunction => Function is not ("http" or "openapi" or "grpc" or "asyncapi" or "a2a" or "mcp");

    public override string Kind => "call";
}

public sealed record AsyncApiSubscription(FlowExpression? Filter, int? Amount, FlowExpression? While, FlowExpression? Until, FlowDuration? For, FlowIterator? Foreach);

public sealed record DoTask : FlowTask
{
    public required ImmutableArray<FlowTask> Tasks { get; init; }

    public override string Kind => "do";
}

public sealed record EmitTask : FlowTask
{
    public required FlowTemplate Event { get; init; }

    public override string Kind => "emit";
}

public sealed record ForTask : FlowTask
{
    public required string Each { get; init; }

    public required string At { get; init; }

    public required FlowTemplate In { get; init; }

    public FlowExpression? While { get; init; }

    public required ImmutableArray<FlowTask> Tasks { get; init; }

    public override string Kind => "for";
}

public sealed record ForkTask : FlowTask
{
    public required ImmutableArray<FlowTask> Branches { get; init; }

    public bool Compete { get; init; }

    public override string Kind => "fork";
}

public sealed record ListenTask : FlowTask
{
    public required FlowEventStrategy To { get; init; }

    public FlowReadAs Read { get; init; }

    public FlowIterator? Foreach { get; init; }

    public override string Kind => "listen";
}

public sealed record RaiseTask : FlowTask
{
    public FlowErrorDefinition? Error { get; init; }

    public string? Reference { get; init; }

    public override string Kind => "raise";
}

public enum FlowProcess { Container, Script, Shell, Workflow }

public enum FlowReturn { Stdout, Stderr, Code, All, None }

public sealed record RunTask : FlowTask
{
    public required FlowProcess Process { get; init; }

    /// <summary>The process's properties with their expressions, but for <see cref="ScriptSource"/>.</summary>
    public required FlowTemplate Properties { get; init; }

    public FlowEndpoint? ScriptSource { get; init; }

    public bool Await { get; init; } = true;

    public FlowReturn Return { get; init; }

    public override string Kind => "run";
}

public sealed record SetTask : FlowTask
{
    public required FlowTemplate Value { get; init; }

    public override string Kind => "set";
}

public sealed record SwitchTask : FlowTask
{
    public required ImmutableArray<FlowCase> Cases { get; init; }

    public override string Kind => "switch";
}

public sealed record FlowCase(string Name, FlowExpression? When, FlowDirective Then);

public sealed record TryTask : FlowTask
{
    public required ImmutableArray<FlowTask> Tasks { get; init; }

    public required FlowCatch Catch { get; init; }

    public override string Kind => "try";
}

public sealed record FlowCatch
{
    /// <summary>Values an error's members must have; empty catches every error.</summary>
    public ImmutableArray<KeyValuePair<string, SourceNode>> Errors { get; init; } = [];

    public string As { get; init; } = "error";

    public FlowExpression? When { get; init; }

    public FlowExpression? ExceptWhen { get; init; }

    public FlowRetryPolicy? Retry { get; init; }

    public string? RetryReference { get; init; }

    public ImmutableArray<FlowTask> Do { get; init; } = [];

    public FlowDirective? Then { get; init; }

    public SourcePosition RetryPosition { get; init; }
}

public sealed record WaitTask : FlowTask
{
    public required FlowDuration Duration { get; init; }

    public override string Kind => "wait";
}
