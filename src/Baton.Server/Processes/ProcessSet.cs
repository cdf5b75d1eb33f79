namespace Baton.Server.Processes;

/// <summary>The processes that a host supervises. They start after the server that they talk to, hence are added later.</summary>
public sealed class ProcessSet
{
    internal IReadOnlyList<SupervisedProcess> Processes { get; set; } = [];
}
