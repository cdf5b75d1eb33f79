namespace Baton.Jq;

/// <summary>What one evaluation may consume. Exceeding any of them throws <see cref="JqLimitException"/>.</summary>
/// <remarks>
/// A step is one node of the program entered, one element looped over, or a fixed amount of data copied, so the
/// count is the same on every machine and every run: a limit that holds in a test holds in production.
/// </remarks>
public sealed record JqLimits
{
    /// <summary>10 million steps, 200,000 pending calls, 64 MiB of output: a second or so of work.</summary>
    public static JqLimits Default { get; } = new();

    /// <summary>For a person at a terminal who can interrupt: no step or output limit, 10 million pending calls.</summary>
    public static JqLimits Unlimited { get; } = new()
    {
        MaxSteps = long.MaxValue,
        MaxDepth = 10_000_000,
        MaxOutputBytes = long.MaxValue,
        RegexTimeout = TimeSpan.FromSeconds(30),
    };

    /// <summary>Steps for the whole enumeration of outputs. Default 10,000,000.</summary>
    public long MaxSteps { get; init; } = 10_000_000;

    /// <summary>Pending calls, and pending alternatives to backtrack to, that may exist at once. Default 200,000.</summary>
    public int MaxDepth { get; init; } = 200_000;

    /// <summary>
    /// Bytes of JSON, summed over all outputs; also the size of any one string built on the way. Default 64 MiB.
    /// </summary>
    public long MaxOutputBytes { get; init; } = 64L << 20;

    /// <summary>Time one regular-expression search may take. Default 1 s.</summary>
    public TimeSpan RegexTimeout { get; init; } = TimeSpan.FromSeconds(1);
}
