using Baton.Server.Errors;
using Baton.Server.Events.Log;

namespace Baton.Server.Events.Http;

/// <param name="From">Offset to begin at; null for the end that comes first.</param>
/// <param name="Since">Nothing older.</param>
/// <param name="Order">desc (the newest first) or asc; null for desc.</param>
internal sealed record EventSearch(EventFilter Filter, long? From, DateTimeOffset? Since, string? Order)
{
    public const int MaxPage = 1_000;

    // What one page may look at, however few events fit: then it ends early, with a place to go on from.
    private const int MaxScan = 20_000;
    private const int ReadAtOnce = 1_000;

    /// <exception cref="BatonException">The order, the limit or the pattern is none.</exception>
    public async Task<EventPage> FindAsync(IEventLog log, int limit, CancellationToken cancel)
    {
        Inputs.Limit(limit, MaxPage);
        if (Order is not (null or "asc" or "desc"))
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"order is '{Order}'", null, "give asc or desc");
        }
        var backwards = Order != "asc";
        var fits = Filter.Compile();
        var oldest = Since is { } time ? await log.FindOffsetAsync(time, cancel) : 0;
        var next = From ?? (backwards ? long.MaxValue : oldest);
        var items = new List<EventView>();
        for (var scanned = 0; items.Count < limit && scanned < MaxScan;)
        {
            var page = await log.ReadAsync(backwards ? next : Math.Max(next, oldest), Math.Min(ReadAtOnce, Math.Max(limit, 100)), backwards, cancel);
            foreach (var logged in page)
            {
                if (items.Count == limit)
                {
                    return new(items, logged.Offset);
                }
                if (backwards && logged.Offset < oldest)
                {
                    return new(items, null);
                }
                next = backwards ? logged.Offset - 1 : logged.Offset + 1;
                scanned++;
                if (fits(logged))
                {
                    items.Add(EventView.Of(logged));
                }
            }
            if (page.Count == 0)
            {
                return new(items, null);
            }
        }
        return new(items, next);
    }
}
