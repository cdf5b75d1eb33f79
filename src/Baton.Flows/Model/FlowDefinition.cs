using System.Collections.Frozen;
using System.Collections.Immutable;
using Baton.Flows.Expressions;
using Baton.Flows.Parse;

namespace Baton.Flows.Model;

/// <summary>A flow as written: immutable, every part with its place. Made by <see cref="FlowReader"/> only.</summary>
public sealed record FlowDefinition
{
    public required FlowDocument Document { get; init; }

    public FlowInput? Input { get; init; }

    public required FlowUse Use { get; init; }

    public required ImmutableArray<FlowTask> Do { get; init; }

    public FlowTimeout? Timeout { get; init; }

    public FlowOutput? Output { get; init; }

    public FlowSchedule? Schedule { get; init; }

    public required SourceNode Source { get; init; }

    /// <summary>The definition as compact JSON: what is pinned in the history of a run.</summary>
    public required string Json { get; init; }

    /// <summary>SHA-256 of <see cref="Json"/>, in lower-case hexadecimal. Comments and layout do not change it.</summary>
    public required string Hash { get; init; }
}

public sealed record FlowDocument(string Dsl, string Namespace, string Name, string Version, string? Title, string? Summary)
{
    /// <summary><c>namespace/name:version</c>, unique per definition.</summary>
    public string Reference => $"{Namespace}/{Name}:{Version}";
}

/// <summary>Reusable parts, by name.</summary>
public sealed record FlowUse
{
    public static FlowUse Empty { get; } = new();

    public FrozenDictionary<string, FlowAuthentication> Authentications { get; init; } = FrozenDictionary<string, FlowAuthentication>.Empty;

    public FrozenDictionary<string, FlowErrorDefinition> Errors { get; init; } = FrozenDictionary<string, FlowErrorDefinition>.Empty;

    public ImmutableArray<FlowExtension> Extensions { get; init; } = [];

    public FrozenDictionary<string, FlowTask> Functions { get; init; } = FrozenDictionary<string, FlowTask>.Empty;

    public FrozenDictionary<string, FlowRetryPolicy> Retries { get; init; } = FrozenDictionary<string, FlowRetryPolicy>.Empty;

    public ImmutableArray<string> Secrets { get; init; } = [];

    public FrozenDictionary<string, FlowTimeout> Timeouts { get; init; } = FrozenDictionary<string, FlowTimeout>.Empty;

    public FrozenDictionary<string, FlowEndpoint> Catalogs { get; init; } = FrozenDictionary<string, FlowEndpoint>.Empty;
}

/// <summary>A data schema: inline, or to be fetched when the run first needs it.</summary>
public sealed record FlowSchema(string Format, SourceNode? Document, FlowEndpoint? Resource, SourcePosition Position);

public sealed record FlowInput(FlowSchema? Schema, FlowTemplate? From);

public sealed record FlowOutput(FlowSchema? Schema, FlowTemplate? As);

public sealed record FlowExport(FlowSchema? Schema, FlowTemplate? As);

/// <summary>A length of time, fixed or computed when it is needed.</summary>
public sealed record FlowDuration(TimeSpan? Fixed, FlowTemplate? Computed, SourcePosition Position);

/// <summary>A time limit: given here, or by the name of one in <c>use.timeouts</c>.</summary>
public sealed record FlowTimeout(FlowDuration? After, string? Reference, SourcePosition Position);

/// <summary>Where something is: a URI template or an expression, and how to authenticate there.</summary>
public sealed record FlowEndpoint(FlowTemplate Uri, FlowAuthentication? Authentication, SourcePosition Position);

/// <summary>How to authenticate. <see cref="Reference"/> names an entry of <c>use.authentications</c>; otherwise
/// <see cref="Scheme"/> is basic, bearer, digest, oauth2 or oidc, with either <see cref="Secret"/> or <see cref="Properties"/>.</summary>
public sealed record FlowAuthentication(string? Reference, string Scheme, string? Secret, FlowTemplate? Properties, SourcePosition Position);

public sealed record FlowErrorDefinition(FlowTemplate Type, FlowTemplate Status, FlowTemplate? Instance, FlowTemplate? Title, FlowTemplate? Detail, SourcePosition Position);

public sealed record FlowExtension(string Name, string Extend, FlowExpression? When, ImmutableArray<FlowTask> Before, ImmutableArray<FlowTask> After, string Pointer);

public enum FlowBackoff { Constant, Linear, Exponential }

public sealed record FlowRetryPolicy
{
    public FlowExpression? When { get; init; }

    public FlowExpression? ExceptWhen { get; init; }

    public FlowDuration? Delay { get; init; }

    public FlowBackoff Backoff { get; init; }

    /// <summary>Retries after the first attempt; null means no bound.</summary>
    public int? AttemptCount { get; init; }

    public FlowDuration? AttemptDuration { get; init; }

    public FlowDuration? Duration { get; init; }

    public FlowDuration? JitterFrom { get; init; }

    public FlowDuration? JitterTo { get; init; }
}

public enum FlowReadAs { Data, Envelope, Raw }

public enum FlowConsume { All, Any, One }

/// <summary>Which events to wait for. <see cref="Until"/> and <see cref="UntilEvents"/> exclude each other and need <see cref="FlowConsume.Any"/>.</summary>
public sealed record FlowEventStrategy(FlowConsume Mode, ImmutableArray<FlowEventFilter> Filters, FlowExpression? Until, FlowEventStrategy? UntilEvents);

public sealed record FlowEventFilter(ImmutableArray<FlowEventCondition> With, ImmutableArray<FlowCorrelation> Correlate);

/// <summary>A condition on one attribute: an expression (true or an equal value), or text that is equal or, as a regular expression, matches as a whole.</summary>
public sealed record FlowEventCondition(string Attribute, FlowTemplate Value);

public sealed record FlowCorrelation(string Key, FlowExpression From, FlowTemplate? Expect);

public sealed record FlowIterator(string Item, string At, ImmutableArray<FlowTask> Do, FlowOutput? Output, FlowExport? Export, string Pointer);

public sealed record FlowSchedule(FlowDuration? Every, string? Cron, FlowDuration? After, FlowEventStrategy? On, FlowReadAs Read);
