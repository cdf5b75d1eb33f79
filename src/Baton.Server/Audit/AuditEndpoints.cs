using System.ComponentModel;
using System.Globalization;
using System.Text.Json;
using Baton.Server.Data;
using Baton.Server.Errors;
using Baton.Server.Http;
using Baton.Server.Identity;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Baton.Server.Audit;

/// <summary>An entry as the API shows it; hashes in hexadecimal.</summary>
internal sealed record AuditView(
    long Sequence, DateTimeOffset Time, string Actor, CallerKind ActorKind, Guid? ActorId, string? Address, string? UserAgent, string Action, string Target,
    string? Before, string? After, string? Run, string? Trace, AuditOutcome Outcome, string? Detail, string Previous, string Hash)
{
    public static AuditView Of(AuditEntry entry) => new(
        entry.Sequence, entry.Time, entry.Actor, entry.ActorKind, entry.ActorId, entry.Address, entry.UserAgent, entry.Action, entry.Target,
        entry.Before, entry.After, entry.Run, entry.Trace, entry.Outcome, entry.Detail, Convert.ToHexStringLower(entry.Previous), Convert.ToHexStringLower(entry.Hash));
}

/// <param name="Next">Cursor of the next page; null on the last.</param>
internal sealed record AuditPage(IReadOnlyList<AuditView> Items, string? Next);

/// <param name="Actor">Name of who acted.</param>
/// <param name="Action">NOUN.VERB, or NOUN.* for each verb.</param>
/// <param name="Target">The beginning of it.</param>
internal sealed record AuditFilter(string? Actor, string? Action, string? Target, string? Run, AuditOutcome? Outcome, DateTimeOffset? From, DateTimeOffset? To)
{
    public IQueryable<AuditEntry> Apply(IQueryable<AuditEntry> entries)
    {
        entries = Actor is null ? entries : entries.Where(entry => entry.Actor == Actor);
        if (Action is not null)
        {
            var noun = Action.EndsWith(".*", StringComparison.Ordinal) ? Action[..^1] : null;
            entries = noun is null ? entries.Where(entry => entry.Action == Action) : entries.Where(entry => entry.Action.StartsWith(noun));
        }
        entries = Target is null ? entries : entries.Where(entry => entry.Target.StartsWith(Target));
        entries = Run is null ? entries : entries.Where(entry => entry.Run == Run);
        entries = Outcome is null ? entries : entries.Where(entry => entry.Outcome == Outcome);
        entries = From is null ? entries : entries.Where(entry => entry.Time >= From);
        return To is null ? entries : entries.Where(entry => entry.Time < To);
    }
}

/// <summary>GET /audit, /audit/verify, /audit/export.</summary>
internal static class AuditEndpoints
{
    private const int MaxPage = 500;
    private static readonly byte[] NewLine = [(byte)'\n'];

    public static void MapAudit(this IEndpointRouteBuilder api)
    {
        var audit = api.MapGroup("/audit").WithTags("Audit").RequirePermission(Permissions.AuditRead);
        audit.MapGet("", ListAsync).Describe("listAudit", "List entries of the audit, the newest first.");
        audit.MapGet("/verify", ([Description("Head of the chain that an earlier call gave, kept in a safe place.")] string? checkpoint, AuditVerifier verifier, CancellationToken cancel) =>
            verifier.VerifyAsync(checkpoint is null ? null : AuditCheckpoint.Parse(checkpoint), cancel))
            .Describe("verifyAudit", "Verify the chain of the audit.", "Finds changed, missing and added entries, and a cut end.");
        audit.MapGet("/export", ([AsParameters] AuditFilter filter, IDbContextFactory<BatonDb> databases, IOptions<JsonOptions> json, CancellationToken cancel) =>
            Results.Stream(output => ExportAsync(output, filter, databases, json.Value.SerializerOptions, cancel), "application/jsonl", "audit.jsonl"))
            .Describe("exportAudit", "Export the audit, the oldest entry first, one a line.").Produces<string>(contentType: "application/jsonl");
    }

    /// <summary>Newest first.</summary>
    private static async Task<AuditPage> ListAsync([AsParameters] AuditFilter filter, BatonDb db, CancellationToken cancel, [Description("`next` of the page before.")] string? cursor = null, [Description("1 to 500.")] int limit = 50)
    {
        if (limit is < 1 or > MaxPage)
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"limit is {limit}", null, $"give 1 to {MaxPage}");
        }
        var below = long.MaxValue;
        if (cursor is not null && !long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out below))
        {
            throw new BatonException(ErrorCodes.InvalidInput, "the cursor is not one that a page gave", null, "leave it out to begin at the newest entry");
        }
        var entries = await filter.Apply(db.Set<AuditEntry>().AsNoTracking()).Where(entry => entry.Sequence < below)
            .OrderByDescending(entry => entry.Sequence).Take(limit + 1).ToListAsync(cancel);
        return new([.. entries.Take(limit).Select(AuditView.Of)], entries.Count > limit ? $"{entries[limit - 1].Sequence}" : null);
    }

    /// <summary>All, oldest first, an entry a line.</summary>
    private static async Task ExportAsync(Stream output, AuditFilter filter, IDbContextFactory<BatonDb> databases, JsonSerializerOptions json, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        await foreach (var entry in filter.Apply(db.Set<AuditEntry>().AsNoTracking()).OrderBy(entry => entry.Sequence).AsAsyncEnumerable().WithCancellation(cancel))
        {
            await JsonSerializer.SerializeAsync(output, AuditView.Of(entry), json, cancel);
            await output.WriteAsync(NewLine, cancel);
        }
    }
}
