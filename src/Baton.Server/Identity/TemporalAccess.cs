using Baton.Durable;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Identity;

/// <summary>
/// Lets the embedded durable server take Baton's own tokens. It starts before the services that know them: until they are
/// given, nobody is known.
/// </summary>
internal sealed class TemporalAccess
{
    /// <summary>The server's own, once they are there.</summary>
    public IServiceProvider? Services { private get; set; }

    public async ValueTask<DurableCaller?> AuthenticateAsync(string token, CancellationToken cancel)
    {
        if (Services is null)
        {
            return null;
        }
        await using var scope = Services.CreateAsyncScope();
        if (await scope.ServiceProvider.GetRequiredService<TokenAuthentication>().FindAsync(token) is not { } user)
        {
            return null;
        }
        var caller = Caller.Of(user);
        return new(caller.Name) { May = (_, access) => caller.May(access == DurableAccess.Read ? Permissions.TemporalRead : Permissions.TemporalWrite) };
    }
}
