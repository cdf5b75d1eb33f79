using Baton.Server.Settings;

namespace Baton.Server.Data.Retention;

/// <summary>How long one kind of thing stays, for `baton storage`.</summary>
/// <param name="Kind">Plural: tasks, audit...</param>
/// <param name="Keeps">In words, with its bounds.</param>
/// <param name="Setting">Key of what changes it; null where it is fixed.</param>
internal sealed record RetentionRule(string Kind, string Keeps, string? Setting)
{
    public static RetentionRule ForAge(string kind, string of, TimeSpan age, string? setting) => new(kind, $"{Durations.Format(age)} after {of}", setting);
}

/// <summary>
/// Records that go by age. Each table that grows with use belongs to one of these, is bounded by what it belongs to, or is bounded
/// by a store of its own, which then registers its <see cref="RetentionRule"/> alone.
/// </summary>
internal interface IRetainedKind
{
    RetentionRule Rule { get; }

    /// <summary>Takes away what is older than the rule allows; safe to be broken off and begun again.</summary>
    /// <returns>How many went.</returns>
    Task<long> PruneAsync(CancellationToken cancel);
}
