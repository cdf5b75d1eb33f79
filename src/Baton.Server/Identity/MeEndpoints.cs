using Baton.Server.Audit;
using Baton.Server.Errors;
using Baton.Server.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Routing;

namespace Baton.Server.Identity;

internal sealed record PasswordChange(string Current, string Password);

/// <param name="Uri">For a QR code.</param>
internal sealed record AuthenticatorKey(string Key, string Uri);

/// <param name="Code">That the authenticator shows.</param>
internal sealed record AuthenticatorCode(string Code);

/// <param name="RecoveryCodes">Each stands once for a code; shown once.</param>
internal sealed record RecoveryCodes(IReadOnlyList<string> Codes);

internal sealed record PasswordProof(string Password);

/// <summary>What a caller does to their own account.</summary>
internal static class MeEndpoints
{
    private const int RecoveryCodeCount = 10;

    public static void MapMe(this IEndpointRouteBuilder api)
    {
        var me = api.MapGroup("/me").WithTags("Identity");
        me.MapGet("", (Caller caller) => CallerView.Of(caller, null)).Describe("getMe", "Show who calls, and what they may do.").RequirePermission(Permissions.SelfRead);
        me.MapPut("/password", async (PasswordChange change, Caller caller, Accounts accounts, UserManager<BatonUser> users, PasswordAttempts attempts, HttpContext context) =>
            {
                var user = await ProveAsync(caller, change.Current, accounts, users, attempts);
                await accounts.SetPasswordAsync(user, change.Password);
                await Sessions.RenewAsync(context, user);
                return TypedResults.NoContent();
            })
            .Describe("changeMyPassword", "Change one's own password.", "Ends all other sessions of the account.").Example("""{"current":"a long old one","password":"a long new one"}""")
            .RequirePermission(Permissions.SelfWrite).Audited("user.password", "user/self");
        me.MapPost("/authenticator", async (PasswordProof proof, Caller caller, Accounts accounts, UserManager<BatonUser> users, PasswordAttempts attempts, HttpContext context) =>
            {
                var user = await ProveAsync(caller, proof.Password, accounts, users, attempts);
                if (user.TwoFactorEnabled)
                {
                    throw new BatonException(ErrorCodes.Refused, "the account has an authenticator already", null, "remove it first");
                }
                Accounts.Check(await users.ResetAuthenticatorKeyAsync(user));
                await Sessions.RenewAsync(context, user);
                var key = (await users.GetAuthenticatorKeyAsync(user))!;
                return new AuthenticatorKey(key, $"otpauth://totp/Baton:{Uri.EscapeDataString(user.UserName!)}?secret={key}&issuer=Baton&digits=6&period=30");
            })
            .Describe("createMyAuthenticator", "Make a key for an authenticator.", "It counts once `enableMyAuthenticator` has shown that it works.").Example("""{"password":"a long one"}""")
            .RequirePermission(Permissions.SelfWrite).Audited("authenticator.create", "user/self");
        me.MapPut("/authenticator", async (AuthenticatorCode proof, Caller caller, Accounts accounts, UserManager<BatonUser> users, PasswordAttempts attempts, HttpContext context) =>
            {
                attempts.Count(caller.Address);
                var user = await OwnAsync(caller, accounts);
                if (!await users.VerifyTwoFactorTokenAsync(user, TokenOptions.DefaultAuthenticatorProvider, proof.Code))
                {
                    throw new BatonException(ErrorCodes.InvalidInput, "the code does not fit", null, "give the one that the authenticator shows now; check the clocks");
                }
                user.UsedCode = proof.Code;
                Accounts.Check(await users.SetTwoFactorEnabledAsync(user, true));
                var codes = (await users.GenerateNewTwoFactorRecoveryCodesAsync(user, RecoveryCodeCount))!;
                await Sessions.RenewAsync(context, user);
                return new RecoveryCodes([.. codes]);
            })
            .Describe("enableMyAuthenticator", "Ask for an authenticator's code at each sign-in from now on.", "The recovery codes are shown this once.").Example("""{"code":"123456"}""")
            .RequirePermission(Permissions.SelfWrite).Audited("authenticator.enable", "user/self");
        me.MapPost("/authenticator/remove", async (PasswordProof proof, Caller caller, Accounts accounts, UserManager<BatonUser> users, PasswordAttempts attempts, HttpContext context) =>
            {
                var user = await ProveAsync(caller, proof.Password, accounts, users, attempts);
                Accounts.Check(await users.SetTwoFactorEnabledAsync(user, false));
                Accounts.Check(await users.ResetAuthenticatorKeyAsync(user));
                await Sessions.RenewAsync(context, user);
                return TypedResults.NoContent();
            })
            .Describe("removeMyAuthenticator", "Sign in without an authenticator again.").Example("""{"password":"a long one"}""")
            .RequirePermission(Permissions.SelfWrite).Audited("authenticator.remove", "user/self");
    }

    /// <summary>The caller's account.</summary>
    /// <exception cref="BatonException">The caller has none: the owner of the data folder, or somebody with a web token.</exception>
    public static async Task<BatonUser> OwnAsync(Caller caller, Accounts accounts) => caller.Id is { } id && await accounts.FindAsync(id) is { } user
        ? user
        : throw new BatonException(ErrorCodes.Refused, $"{caller.Name} has no account here", null, "name an account, or sign in with one");

    private static async Task<BatonUser> ProveAsync(Caller caller, string password, Accounts accounts, UserManager<BatonUser> users, PasswordAttempts attempts)
    {
        attempts.Count(caller.Address);
        var user = await OwnAsync(caller, accounts);
        if (user.PasswordHash is not null && await users.CheckPasswordAsync(user, password))
        {
            return user;
        }
        throw new BatonException(ErrorCodes.SignInRefused, "the password does not fit", null, "give the account's present password");
    }
}
