using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Baton.Jq;
using Baton.Server.Data;
using Baton.Server.Errors;
using Baton.Server.Identity;
using Baton.Server.Secrets;
using Microsoft.EntityFrameworkCore;

namespace Baton.Server.Tasks;

/// <summary>
/// Links that decide once in the name of one person, for mail. A link is <c>ID.KEY.MAC</c>: the id of its row, the id of the master
/// key, and HMAC-SHA256 over id, task, person and expiry. Who can read the database cannot make one, as the key is not
/// in it, and who has one cannot change for whom it is. It is used up in the transaction of the decision. Whoever makes one
/// vouches that the person has the roles that may decide (but a veto only by name); four eyes and the rest are checked as ever.
/// </summary>
internal sealed class TaskLinks(IDbContextFactory<BatonDb> databases, TaskStore store, KeyRing keys, TimeProvider time)
{
    public const string Path = "/task-links/";

    private const string Purpose = "task-links";

    private static readonly TimeSpan Longest = TimeSpan.FromDays(30);

    /// <param name="user">In whose name it decides.</param>
    /// <returns>What stands behind <see cref="Path"/>, and until when it works.</returns>
    public async Task<(string Token, DateTimeOffset ExpiresAt)> CreateAsync(Guid id, string user, TimeSpan validFor, Caller by, CancellationToken cancel)
    {
        if (string.IsNullOrWhiteSpace(user) || validFor <= TimeSpan.Zero || validFor > Longest)
        {
            throw new BatonException(ErrorCodes.InvalidInput, "the link is not valid", "it needs a user, and a time of at most 30 days", "give user, and validFor as an ISO 8601 duration");
        }
        var expires = DateTimeOffset.FromUnixTimeSeconds((time.GetUtcNow() + validFor).ToUnixTimeSeconds());
        var link = new TaskLink { TaskId = id, User = TaskActor.Normal(user), ExpiresAt = expires };
        await store.ChangeAsync(
            id,
            step =>
            {
                by.Demand(Permissions.TasksAdmin, step.Task);
                if (!step.Task.Form.IsNull || step.Task.Kind == TaskKind.Task)
                {
                    throw new BatonException(ErrorCodes.Refused, $"task {id} cannot be decided by a link", "something is to be filled in", "send the person to the task itself");
                }
                step.Link(TaskActor.Normal(by.Name), ActorOf(step.Task, link));
            },
            cancel,
            (db, _) =>
            {
                db.Add(link);
                return Task.CompletedTask;
            });
        var key = keys.Current;
        return ($"{link.Id:N}.{key}.{Mac(link, key)}", expires);
    }

    /// <summary>What the link is for; changes nothing, as scanners of mail look at links before people do.</summary>
    public async Task<(HumanTask Task, TaskLink Link)> LookAsync(string token, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var link = await FindAsync(db, token, cancel);
        return (await store.GetAsync(link.TaskId, cancel), link);
    }

    /// <summary>Decides in the name of the link's person.</summary>
    public async Task<(HumanTask Task, string User)> DecideAsync(string token, TaskVote vote, string? comment, CancellationToken cancel)
    {
        var (task, known) = await LookAsync(token, cancel);
        var decided = await store.ChangeAsync(
            task.Id, step => step.Decide(ActorOf(step.Task, known), vote, comment, JqValue.Null), cancel,
            async (db, aborted) => (await FindAsync(db, token, aborted)).UsedAt = time.GetUtcNow());
        return (decided, known.User);
    }

    private static TaskActor ActorOf(HumanTask task, TaskLink link) =>
        new(link.User, task.Candidates.Where(candidate => candidate is { IsRole: true, HasVeto: false }).Select(candidate => candidate.Name).ToHashSet(), false);

    private async Task<TaskLink> FindAsync(BatonDb db, string token, CancellationToken cancel)
    {
        var parts = token.Split('.');
        var link = parts.Length == 3 && Guid.TryParseExact(parts[0], "N", out var id) ? await db.Set<TaskLink>().AsTracking().SingleOrDefaultAsync(link => link.Id == id, cancel) : null;
        if (link is null || !keys.Has(parts[1]) || !CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Mac(link, parts[1])), Encoding.UTF8.GetBytes(parts[2])))
        {
            throw Invalid("it is not one of this server's");
        }
        return link.UsedAt is not null ? throw Invalid("it was used") : link.ExpiresAt <= time.GetUtcNow() ? throw Invalid("its time is over") : link;
    }

    private string Mac(TaskLink link, string key) => Base64Url.EncodeToString(HMACSHA256.HashData(
        keys.Derive(Purpose, key),
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{link.Id:N}\n{link.TaskId:N}\n{link.ExpiresAt.ToUnixTimeSeconds()}\n{link.User}"))));

    private static BatonException Invalid(string cause) => new(ErrorCodes.LinkInvalid, "the link does not work", cause, "ask for a new one, or sign in and decide the task there");
}
