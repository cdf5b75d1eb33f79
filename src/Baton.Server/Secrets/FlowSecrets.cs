using Baton.Flows.Hosting;
using Baton.Jq;
using Baton.Server.Flows;

namespace Baton.Server.Secrets;

/// <summary>Gives flows the secrets that they may use: NAME or secret://NAME, with @VERSION where it should stay the same.</summary>
internal sealed class FlowSecrets(SecretStore store) : IFlowSecrets
{
    private const string Scheme = "secret://";

    public async ValueTask<JqValue?> FindAsync(string name, CancellationToken cancellationToken)
    {
        // Outside of a call nobody says which flow asks.
        if (FlowCallScope.Flow is not { } flow)
        {
            return null;
        }
        var value = await store.FindAsync(name.StartsWith(Scheme, StringComparison.Ordinal) ? name[Scheme.Length..] : name, FlowNames.WithoutVersion(flow), cancellationToken);
        if (value is null)
        {
            return null;
        }
        return SecretStore.MembersOf(value) is { } members
            ? JqValue.FromObject(members.Select(member => KeyValuePair.Create(member.Key, JqValue.From(member.Value))))
            : JqValue.From(value);
    }
}
