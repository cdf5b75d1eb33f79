using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;

namespace Baton.Server.Identity;

/// <summary>
/// The secret of this start of the server, kept in DATA/control.json for the owner of the data folder alone. Who can read
/// it can read the databases beside it as well: it stands for an administrator at this machine, and lets the command
/// line work without an account.
/// </summary>
internal sealed record LocalToken(string Text)
{
    public static ClaimsPrincipal Principal { get; } = new(new ClaimsIdentity(
        [new(ClaimTypes.Name, $"local:{Environment.UserName}"), new(Caller.KindClaim, nameof(CallerKind.Owner)), new(ClaimTypes.Role, Roles.Admin)],
        BearerAuthentication.SchemeName));

    public static LocalToken Create() => new(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)));

    public bool Matches(string given) => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given), Encoding.UTF8.GetBytes(Text));
}
