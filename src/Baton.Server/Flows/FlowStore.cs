using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Baton.Flows;
using Baton.Flows.Functions;
using Baton.Flows.Hosting;
using Baton.Flows.Model;
using Baton.Flows.Validate;
using Baton.Server.Data;
using Baton.Server.Errors;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Caching.Hybrid;

namespace Baton.Server.Flows;

/// <summary>
/// The flows that the server knows. An apply writes a revision and puts it in force in one transaction; two that meet
/// write the same key, and the second of them is told so. Nothing that was in force is ever lost.
/// </summary>
internal sealed class FlowStore(IDbContextFactory<BatonDb> databases, HybridCache cache, FlowCatalogue catalogue, FlowPolicy policy, FlowScheduler scheduler, TimeProvider time) : IFlowDefinitions
{
    private const string Latest = "latest";

    public async Task<IReadOnlyList<FlowSummary>> ListAsync(string? ns, string? text, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var rows = from flow in db.Set<FlowRecord>()
                   where flow.DeletedAt == null && (ns == null || flow.Namespace == ns)
                   join revision in db.Set<FlowRevision>()
                       on new { flow.Namespace, flow.Name, flow.Revision } equals new { revision.Namespace, revision.Name, Revision = revision.Number }
                   where text == null || (flow.Namespace + "/" + flow.Name).Contains(text) || (revision.Title != null && revision.Title.Contains(text))
                   orderby flow.Namespace, flow.Name
                   select new FlowSummary(
                       flow.Namespace, flow.Name, revision.Version, revision.Number, revision.Title, revision.HasSchedule, revision.Hash, revision.CreatedAt, revision.CreatedBy);
        return await rows.ToListAsync(cancel);
    }

    /// <summary>The revision in force, or the last one of a version.</summary>
    /// <param name="version">A version of the document, `latest`, or rN for revision N; also of a deleted flow unless it is `latest`.</param>
    /// <exception cref="BatonException">There is none.</exception>
    public async Task<FlowRevision> GetAsync(string ns, string name, string version, CancellationToken cancel) =>
        await TryGetAsync(ns, name, version, cancel) ?? throw Unknown(ns, name, version);

    public async Task<IReadOnlyList<FlowVersionSummary>> VersionsAsync(string ns, string name, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var versions = await db.Set<FlowRevision>()
            .Where(revision => revision.Namespace == ns && revision.Name == name)
            .OrderByDescending(revision => revision.Number)
            .Select(revision => new FlowVersionSummary(revision.Number, revision.Version, revision.Hash, revision.CreatedAt, revision.CreatedBy))
            .ToListAsync(cancel);
        return versions.Count > 0 ? versions : throw Unknown(ns, name, Latest);
    }

    public FlowValidation Validate(string text) =>
        FlowValidator.Validate(text, FlowValidationOptions.Default with { Catalogue = catalogue, Policy = policy });

    /// <summary>Puts a definition in force; the same one again changes nothing.</summary>
    /// <param name="ifMatch">What the flow must be tagged with; null for whatever it is.</param>
    /// <param name="dryRun">Only says what would change.</param>
    /// <returns>What it did, the digest of what was in force before, and the new tag.</returns>
    /// <exception cref="BatonException">The definition is not valid, names another flow, or the flow changed meanwhile.</exception>
    public async Task<(FlowApplied Applied, string? Before, string Tag)> ApplyAsync(string ns, string name, string text, FlowMatch ifMatch, bool dryRun, string by, CancellationToken cancel)
    {
        var validation = Validate(text);
        var flow = validation.Definition ?? throw Invalid(validation);
        if (flow.Document.Namespace != ns || flow.Document.Name != name)
        {
            throw new BatonException(
                ErrorCodes.InvalidInput, $"the document is of flow {flow.Document.Namespace}/{flow.Document.Name}, not {ns}/{name}", null, "apply it under its own name, or correct document.namespace and document.name");
        }
        await using var db = await databases.CreateDbContextAsync(cancel);
        var record = await db.FindAsync<FlowRecord>([ns, name], cancel);
        var current = record is null ? null : await db.FindAsync<FlowRevision>([ns, name, record.Revision], cancel);
        var inForce = record is { DeletedAt: null } ? current : null;
        ifMatch.Check(inForce is null ? null : TagOf(inForce), $"{ns}/{name}");

        var change = inForce is null ? FlowChange.Created : inForce.Hash == flow.Hash ? FlowChange.Unchanged : FlowChange.Changed;
        var differences = change == FlowChange.Changed ? FlowDifferences.Between(Parse(inForce!.Json), Parse(flow.Json)) : [];
        var revision = change == FlowChange.Unchanged ? inForce! : new FlowRevision
        {
            Namespace = ns,
            Name = name,
            Number = (record?.Revision ?? 0) + 1,
            Version = flow.Document.Version,
            Hash = flow.Hash,
            Json = flow.Json,
            Text = text,
            Title = flow.Document.Title,
            HasSchedule = flow.Schedule is not null,
            CreatedAt = time.GetUtcNow(),
            CreatedBy = by,
        };
        var applied = new FlowApplied(ns, name, revision.Version, revision.Number, change, revision.Hash, differences, FlowProblem.Of(validation.Problems));
        if (!dryRun)
        {
            await WriteAsync(db, record, revision, change, text, cancel);
        }
        return (applied, inForce is null ? null : $"sha256:{inForce.Hash}", TagOf(revision));
    }

    /// <exception cref="BatonException">There is no such flow, or it changed meanwhile.</exception>
    public async Task<FlowRevision> DeleteAsync(string ns, string name, FlowMatch ifMatch, string by, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var record = await db.FindAsync<FlowRecord>([ns, name], cancel);
        if (record is not { DeletedAt: null })
        {
            throw Unknown(ns, name, Latest);
        }
        var revision = (await db.FindAsync<FlowRevision>([ns, name, record.Revision], cancel))!;
        ifMatch.Check(TagOf(revision), $"{ns}/{name}");
        var now = time.GetUtcNow();
        var deleted = await db.Set<FlowRecord>()
            .Where(flow => flow.Namespace == ns && flow.Name == name && flow.DeletedAt == null && flow.Revision == record.Revision)
            .ExecuteUpdateAsync(
                set => set.SetProperty(flow => flow.DeletedAt, now).SetProperty(flow => flow.DeletedBy, by).SetProperty(flow => flow.UpdatedAt, now).SetProperty(flow => flow.IsScheduleCurrent, false),
                cancel);
        if (deleted == 0)
        {
            throw Changed(ns, name, null);
        }
        scheduler.Nudge();
        return revision;
    }

    /// <summary>Changes with every change of what GET answers.</summary>
    public static string TagOf(FlowRevision revision) =>
        $"\"{revision.Number}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(revision.Text)).AsSpan(0, 8))}\"";

    async ValueTask<string?> IFlowDefinitions.FindAsync(string ns, string name, string version, CancellationToken cancellationToken) =>
        (await TryGetAsync(ns, name, version, cancellationToken))?.Json;

    public async Task<FlowRevision?> TryGetAsync(string ns, string name, string version, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var revisions = db.Set<FlowRevision>().AsNoTracking().Where(revision => revision.Namespace == ns && revision.Name == name);
        if (version == Latest)
        {
            return await revisions
                .Where(revision => db.Set<FlowRecord>().Any(flow => flow.Namespace == ns && flow.Name == name && flow.DeletedAt == null && flow.Revision == revision.Number))
                .FirstOrDefaultAsync(cancel);
        }
        return version.StartsWith('r') && int.TryParse(version.AsSpan(1), out var number)
            ? await RevisionAsync(revisions, ns, name, number, cancel)
            : await revisions.Where(revision => revision.Version == version).OrderByDescending(revision => revision.Number).FirstOrDefaultAsync(cancel);
    }

    /// <summary>A revision by its number, which never changes but for its layout: those who watch runs ask for it again and again.</summary>
    private async Task<FlowRevision?> RevisionAsync(IQueryable<FlowRevision> revisions, string ns, string name, int number, CancellationToken cancel)
    {
        var key = CacheKey(ns, name, number);
        var known = await cache.GetOrCreateAsync(key, async stop => await revisions.FirstOrDefaultAsync(revision => revision.Number == number, stop), cancellationToken: cancel);
        if (known is null)
        {
            // One that is not there yet may come.
            await cache.RemoveAsync(key, cancel);
        }
        return known;
    }

    private static string CacheKey(string ns, string name, int number) => $"flow:{ns}/{name}:r{number}";

    private async Task WriteAsync(BatonDb db, FlowRecord? record, FlowRevision revision, FlowChange change, string text, CancellationToken cancel)
    {
        if (change == FlowChange.Unchanged)
        {
            revision.Text = text;
            await db.SaveChangesAsync(cancel);
            await cache.RemoveAsync(CacheKey(revision.Namespace, revision.Name, revision.Number), cancel);
            return;
        }
        if (record is null)
        {
            record = new() { Namespace = revision.Namespace, Name = revision.Name };
            db.Add(record);
        }
        record.Revision = revision.Number;
        record.UpdatedAt = revision.CreatedAt;
        record.DeletedAt = null;
        record.DeletedBy = null;
        record.IsScheduleCurrent = false;
        db.Add(revision);
        try
        {
            await db.SaveChangesAsync(cancel);
        }
        catch (DbUpdateException exception)
        {
            throw Changed(revision.Namespace, revision.Name, exception);
        }
        scheduler.Nudge();
    }

    private static JsonNode? Parse(string json) => JsonNode.Parse(json, documentOptions: new() { MaxDepth = 1000 });

    private static BatonException Invalid(FlowValidation validation)
    {
        var errors = validation.Problems.Where(problem => problem.Severity == FlowSeverity.Error).ToList();
        return new(
            ErrorCodes.InvalidFlow, "the flow is not valid", string.Join('\n', errors.Take(20)), "correct what `problems` names, line by line")
        {
            Details = { ["problems"] = FlowProblem.Of(validation.Problems) },
        };
    }

    private static BatonException Changed(string ns, string name, Exception? inner) => new(
        ErrorCodes.FlowChanged, $"flow {ns}/{name} was changed by somebody else at the same time", null, "look at what they did, and try again", inner);

    private static BatonException Unknown(string ns, string name, string version) => new(
        ErrorCodes.NotFound, $"there is no flow {ns}/{name}{(version == Latest ? "" : $" of version {version}")}", null, "`baton flow list` shows those there are");
}

/// <summary>What a request says of the state that it builds upon (If-Match, If-None-Match: *).</summary>
internal readonly record struct FlowMatch(string? IfMatch, string? IfNoneMatch)
{
    /// <param name="tag">Of the flow as it is; null when there is none.</param>
    /// <exception cref="BatonException">It is not what the caller believes.</exception>
    public void Check(string? tag, string flow)
    {
        var holds = (IfMatch is null || (tag is not null && (IfMatch.Trim() == "*" || IfMatch.Split(',', StringSplitOptions.TrimEntries).Contains(tag))))
            && (IfNoneMatch is null || (IfNoneMatch.Trim() == "*" ? tag is null : !IfNoneMatch.Split(',', StringSplitOptions.TrimEntries).Contains(tag)));
        if (!holds)
        {
            throw new BatonException(
                ErrorCodes.FlowChanged, $"flow {flow} is not as the request expects it", tag is null ? "there is no such flow" : $"its ETag is {tag}", "get it anew, look at what changed, and send its ETag");
        }
    }
}
