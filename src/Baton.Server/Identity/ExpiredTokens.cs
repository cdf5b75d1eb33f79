using Baton.Server.Data;
using Baton.Server.Data.Retention;
using Microsoft.EntityFrameworkCore;

namespace Baton.Server.Identity;

/// <summary>Expired access tokens stay for a while, so that their owners see why they do not work.</summary>
internal sealed class ExpiredTokens(IDbContextFactory<BatonDb> databases, TimeProvider time) : IRetainedKind
{
    private static readonly TimeSpan Age = TimeSpan.FromDays(30);

    public RetentionRule Rule { get; } = RetentionRule.ForAge("access tokens", "they expire", Age, null);

    public async Task<long> PruneAsync(CancellationToken cancel)
    {
        var before = time.GetUtcNow() - Age;
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Set<AccessToken>().Where(token => token.Expires < before).ExecuteDeleteAsync(cancel);
    }
}
