namespace Baton.Flows.Hosting;

/// <summary>Tells the parts of a host, such as <see cref="IFlowSecrets"/>, for which flow a call is made.</summary>
public static class FlowCallScope
{
    private static readonly AsyncLocal<string?> current = new();

    /// <summary><c>namespace/name:version</c>; null outside of calls.</summary>
    public static string? Flow => current.Value;

    /// <summary>Holds for what is awaited from here on.</summary>
    public static void Enter(string flow) => current.Value = flow;
}
