using System.Net;
using Baton.Flows.Model;

namespace Baton.Flows;

/// <summary>What flows may do on this machine. The default allows no process and any address but metadata services.</summary>
public sealed record FlowPolicy
{
    public static FlowPolicy Default { get; } = new();

    public bool AllowShell { get; init; }

    public bool AllowScript { get; init; }

    public bool AllowContainer { get; init; }

    /// <summary>Whether MCP servers may be started as processes.</summary>
    public bool AllowMcpProcess { get; init; }

    /// <summary>Whether calls may read <c>file:</c> resources, and then only below this folder.</summary>
    public string? FileRoot { get; init; }

    /// <summary>
    /// Decides whether a call may connect to an address. Asked for every connection after the name was resolved, hence
    /// also for redirects, so that neither can lead past it. Default: no link-local (which the metadata services of
    /// clouds have) and no multicast address.
    /// </summary>
    public Func<string, IPAddress, bool> AllowEgress { get; init; } = static (_, address) => !IsMetadataOrMulticast(address);

    /// <summary>Bytes that a response may have. Default 8 MiB.</summary>
    public int MaxResponseBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>How long a call may take if neither the task nor the call says otherwise. Default 5 minutes.</summary>
    public TimeSpan CallTimeout { get; init; } = TimeSpan.FromMinutes(5);

    public bool Allows(FlowProcess process) => process switch
    {
        FlowProcess.Shell => AllowShell,
        FlowProcess.Script => AllowScript,
        FlowProcess.Container => AllowContainer,
        _ => true,
    };

    private static bool IsMetadataOrMulticast(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }
        var bytes = address.GetAddressBytes();
        return address.IsIPv6LinkLocal || address.IsIPv6Multicast
            || (bytes.Length == 4 && ((bytes[0] == 169 && bytes[1] == 254) || bytes[0] >= 224 || bytes[0] == 0))
            || address.Equals(IPAddress.Parse("fd00:ec2::254"));
    }
}
