namespace Baton.Durable;

/// <summary>What a call does to the namespace that it names.</summary>
public enum DurableAccess
{
    /// <summary>Looks only: Get, List, Describe, Count, Scan, Query.</summary>
    Read,

    /// <summary>Starts, signals, works, configures...</summary>
    Write,
}

/// <summary>Who shows a token.</summary>
/// <param name="Name">Recorded with what the caller does.</param>
public sealed record DurableCaller(string Name)
{
    /// <summary>
    /// Whether the caller may. The namespace is null for calls that name none; GetSystemInfo is for everybody who is known.
    /// Default: everything.
    /// </summary>
    public Func<string?, DurableAccess, bool> May { get; init; } = static (_, _) => true;
}

/// <summary>Says whose a token is. Asked for each call that shows no <see cref="DurableServerOptions.ApiKeys"/>; must be fast and never throw.</summary>
/// <returns>Null when nobody knows it: the call is refused.</returns>
public delegate ValueTask<DurableCaller?> DurableAuthenticator(string token, CancellationToken cancellationToken);

internal static class DurableMethods
{
    private static readonly string[] Reading = ["Get", "List", "Describe", "Count", "Scan", "Query"];

    /// <summary>What a method does; null for the one that every SDK calls to know the server.</summary>
    public static DurableAccess? AccessOf(string method) => method == "GetSystemInfo"
        ? null
        : Array.Exists(Reading, verb => method.StartsWith(verb, StringComparison.Ordinal)) ? DurableAccess.Read : DurableAccess.Write;
}
