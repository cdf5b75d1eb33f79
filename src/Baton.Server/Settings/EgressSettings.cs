using System.Net;

namespace Baton.Server.Settings;

/// <summary>Where the server, and flows on it, may connect to. Link-local and metadata addresses are never allowed.</summary>
public sealed class EgressSettings : ICheckedSettings
{
    [Setting("Schemes that may be called.")]
    public IReadOnlyList<string> Schemes { get; init; } = ["http", "https"];

    [Setting("Hosts that may be called, NAME or *.DOMAIN. If hosts or networks are given, nothing else may be.")]
    public IReadOnlyList<string> AllowHosts { get; init; } = [];

    [Setting("Hosts that may not be called, NAME or *.DOMAIN.")]
    public IReadOnlyList<string> DenyHosts { get; init; } = [];

    [Setting("Networks that may be called, as 10.0.0.0/8.")]
    public IReadOnlyList<string> AllowCidrs { get; init; } = [];

    [Setting("Networks that may not be called, as 10.0.0.0/8.")]
    public IReadOnlyList<string> DenyCidrs { get; init; } = [];

    public IEnumerable<(string Name, string Problem)> Problems()
    {
        foreach (var (name, networks) in new[] { (nameof(AllowCidrs), AllowCidrs), (nameof(DenyCidrs), DenyCidrs) })
        {
            foreach (var network in networks.Where(network => !IPNetwork.TryParse(network, out _)))
            {
                yield return (name, $"'{network}' is no network such as 10.0.0.0/8");
            }
        }
    }
}
