using System.Net;
using Baton.Server.Settings;

namespace Baton.Server.Egress;

/// <summary>
/// Where the server, and flows on it, may connect to. Asked twice: for the address that is written, and, when a name has been
/// resolved, for each IP address just before it is connected to, so that neither a redirect nor a name that changes its
/// mind leads past it. What is denied is denied, whatever is allowed; if anything is allowed by name or network, nothing
/// else is. Link-local, metadata, multicast and unspecified addresses are never allowed.
/// </summary>
internal sealed class EgressPolicy(EgressSettings settings)
{
    // Metadata services that are not link-local: EC2 and Alibaba Cloud, Oracle.
    private static readonly IPNetwork[] Never =
    [
        .. new[] { "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "100.100.100.200/32", "192.0.0.192/32", "::/128", "fe80::/10", "ff00::/8", "fd00:ec2::/32" }.Select(IPNetwork.Parse),
    ];

    private static readonly IPNetwork Nat64 = IPNetwork.Parse("64:ff9b::/96");
    private static readonly IPNetwork SixToFour = IPNetwork.Parse("2002::/16");
    private static readonly IPNetwork Compatible = IPNetwork.Parse("::/96");

    private readonly IPNetwork[] allowed = [.. settings.AllowCidrs.Select(IPNetwork.Parse)];
    private readonly IPNetwork[] denied = [.. settings.DenyCidrs.Select(IPNetwork.Parse)];

    /// <returns>Why the address may not be called; null when it may, as far as its name tells.</returns>
    public string? Refusal(Uri address) =>
        !settings.Schemes.Contains(address.Scheme, StringComparer.OrdinalIgnoreCase) ? $"the scheme {address.Scheme} is not allowed"
        : Matches(settings.DenyHosts, address.IdnHost) ? $"the host {address.IdnHost} is denied"
        : null;

    /// <param name="host">As it was written.</param>
    /// <param name="address">That it was resolved to.</param>
    /// <returns>Why it may not be connected to; null when it may.</returns>
    public string? Refusal(string host, IPAddress address)
    {
        var forms = FormsOf(address);
        if (forms.Any(form => Contains(Never, form)))
        {
            return $"{address} is link-local, a metadata service, or no host at all";
        }
        if (Matches(settings.DenyHosts, host))
        {
            return $"the host {host} is denied";
        }
        if (forms.Any(form => Contains(denied, form)))
        {
            return $"{address} is in a denied network";
        }
        return (settings.AllowHosts.Count == 0 && allowed.Length == 0) || Matches(settings.AllowHosts, host) || forms.All(form => Contains(allowed, form))
            ? null
            : $"{host} ({address}) is not among what is allowed";
    }

    public bool Allows(string host, IPAddress address) => Refusal(host, address) is null;

    /// <summary>The address, and where it wraps an IPv4 address (mapped, compatible, NAT64, 6to4), that one in its place or as well.</summary>
    private static IPAddress[] FormsOf(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            return [address.MapToIPv4()];
        }
        var bytes = address.GetAddressBytes();
        return SixToFour.Contains(address) ? [address, new(bytes.AsSpan(2, 4))]
            : Nat64.Contains(address) || (Compatible.Contains(address) && !IPAddress.IsLoopback(address)) ? [address, new(bytes.AsSpan(12, 4))]
            : [address];
    }

    private static bool Contains(IPNetwork[] networks, IPAddress address) => Array.Exists(networks, network => network.Contains(address));

    private static bool Matches(IReadOnlyList<string> patterns, string host)
    {
        host = host.TrimEnd('.').Trim('[', ']');
        return patterns.Any(pattern => pattern.StartsWith("*.", StringComparison.Ordinal)
            ? host.EndsWith(pattern[1..], StringComparison.OrdinalIgnoreCase)
            : host.Equals(pattern, StringComparison.OrdinalIgnoreCase));
    }
}
