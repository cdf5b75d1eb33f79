using System.Net;
using System.Security.Cryptography;
using System.Threading.RateLimiting;
using Baton.Server.Errors;
using Microsoft.AspNetCore.Identity;

namespace Baton.Server.Identity;

/// <summary>
/// Takes name, password and one-time code. Every refusal is the same, and takes the same time: it does not tell whether the
/// account exists, is disabled or locked, or which part was wrong.
/// </summary>
internal sealed class PasswordSignIn(Accounts accounts, UserManager<BatonUser> users, PasswordAttempts attempts)
{
    // What an account that does not exist is compared with.
    private static readonly string NobodysHash = new PasswordHasher<BatonUser>(Microsoft.Extensions.Options.Options.Create(IdentityModule.Hashing))
        .HashPassword(new(), Convert.ToHexString(RandomNumberGenerator.GetBytes(16)));

    /// <param name="name">Account.</param>
    /// <param name="password">As given.</param>
    /// <param name="code">Of the authenticator, or a recovery code; null when none was given.</param>
    /// <param name="address">Where the attempt comes from.</param>
    /// <exception cref="BatonException">It is refused, or there were too many attempts from the address.</exception>
    public async Task<BatonUser> SignInAsync(string name, string password, string? code, IPAddress? address)
    {
        attempts.Count(address);
        var user = await accounts.FindAsync(name);
        var matches = users.PasswordHasher.VerifyHashedPassword(user ?? new(), user?.PasswordHash ?? NobodysHash, password) != PasswordVerificationResult.Failed;
        if (user?.PasswordHash is null || user.IsDisabled || await users.IsLockedOutAsync(user))
        {
            throw Refused();
        }
        if (!matches || !await IsCodeRightAsync(user, code))
        {
            await users.AccessFailedAsync(user);
            throw Refused();
        }
        await users.ResetAccessFailedCountAsync(user);
        return user;
    }

    private async Task<bool> IsCodeRightAsync(BatonUser user, string? code)
    {
        if (!user.TwoFactorEnabled)
        {
            return true;
        }
        code = code?.Replace(" ", "", StringComparison.Ordinal);
        if (string.IsNullOrEmpty(code) || code == user.UsedCode)
        {
            return false;
        }
        if (await users.VerifyTwoFactorTokenAsync(user, TokenOptions.DefaultAuthenticatorProvider, code))
        {
            user.UsedCode = code;
            // Two sign-ins with one code: the second finds the row changed, and fails.
            Accounts.Check(await users.UpdateAsync(user));
            return true;
        }
        return (await users.RedeemTwoFactorRecoveryCodeAsync(user, code)).Succeeded;
    }

    private static BatonException Refused() => new(
        ErrorCodes.SignInRefused, "the sign-in is refused", "name, password or one-time code do not fit, or the account is locked for a while",
        "try again with care; an administrator can set a new password");
}

/// <summary>Bounds how fast passwords can be tried from one address, whatever the account; accounts are locked on their own.</summary>
internal sealed class PasswordAttempts(Settings.BatonSettings settings) : IDisposable
{
    private readonly PartitionedRateLimiter<IPAddress> limiter = PartitionedRateLimiter.Create<IPAddress, IPAddress>(address =>
        RateLimitPartition.GetSlidingWindowLimiter(address, _ => new()
        {
            PermitLimit = settings.Identity.SignInsPerMinute,
            Window = TimeSpan.FromMinutes(1),
            SegmentsPerWindow = 6,
        }));

    /// <exception cref="BatonException">There were too many.</exception>
    public void Count(IPAddress? address)
    {
        using var lease = limiter.AttemptAcquire(address ?? IPAddress.None);
        if (!lease.IsAcquired)
        {
            throw new BatonException(ErrorCodes.TooManyAttempts, "there were too many attempts from this address", null, "wait a minute");
        }
    }

    public void Dispose() => limiter.Dispose();
}
