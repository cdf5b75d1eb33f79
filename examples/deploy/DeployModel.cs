using System.Text.Json.Serialization;

namespace Deploy;

[JsonConverter(typeof(JsonStringEnumConverter<DeployPhase>))]
public enum DeployPhase
{
    Fetching,
    Building,
    Testing,
    AwaitingApproval,
    Deploying,
    CheckingHealth,
    RollingBack,
    Done,
}

[JsonConverter(typeof(JsonStringEnumConverter<DeployOutcome>))]
public enum DeployOutcome
{
    /// <summary>The new release is live and healthy.</summary>
    Deployed,

    /// <summary>The new release was not healthy; the one before is live again, and healthy.</summary>
    RolledBack,

    /// <summary>The new release is not healthy, and there is none to go back to.</summary>
    Unhealthy,
    Rejected,

    /// <summary>Nobody decided within a day.</summary>
    Expired,
}

/// <param name="Live">The revision that serves now; null when none does.</param>
/// <param name="Detail">Why it is not the one that was asked for.</param>
public sealed record DeployResult(DeployOutcome Outcome, string? Live, string? Detail = null);

/// <summary>The answer to the query `status`.</summary>
public sealed record DeployStatus(DeployPhase Phase, string Repo, string Ref, string? Revision, string? Decision);

/// <summary>A commit that was fetched, and the repository it can be checked out from.</summary>
public sealed record Source(string Repository, string Revision);
