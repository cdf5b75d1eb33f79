using System.Globalization;
using System.Text.Json;
using Baton.Durable;

namespace Baton.Cli.Verbs.Servers;

/// <summary>
/// `--dynamic-config-value KEY=JSON`: the keys of Temporal's dynamic configuration that set a limit or a choice which this server has too. Keys that switch on what is
/// always on here, and those that tune parts which this server does not have, are accepted and change nothing.
/// </summary>
internal static class DynamicConfig
{
    private static readonly Dictionary<string, Func<DurableServerOptions, JsonElement, DurableServerOptions>> keys = new(StringComparer.OrdinalIgnoreCase)
    {
        ["limit.blobSize.error"] = Limit((limits, value) => limits with { BlobBytes = value.GetInt32() }),
        ["limit.memoSize.error"] = Limit((limits, value) => limits with { MemoBytes = value.GetInt32() }),
        ["limit.historyCount.error"] = Limit((limits, value) => limits with { HistoryEvents = value.GetInt32() }),
        ["limit.historySize.error"] = Limit((limits, value) => limits with { HistoryBytes = value.GetInt64() }),
        ["limit.historyCount.suggestContinueAsNew"] = Limit((limits, value) => limits with { SuggestContinueAsNewEvents = value.GetInt32() }),
        ["limit.historySize.suggestContinueAsNew"] = Limit((limits, value) => limits with { SuggestContinueAsNewBytes = value.GetInt64() }),
        ["limit.maxIDLength"] = Limit((limits, value) => limits with { IdLength = value.GetInt32() }),
        ["limit.numPendingActivities.error"] = Limit((limits, value) => limits with { Pending = value.GetInt32() }),
        ["history.maximumSignalsPerExecution"] = Limit((limits, value) => limits with { Signals = value.GetInt32() }),
        ["history.maxInFlightUpdates"] = Limit((limits, value) => limits with { UpdatesInFlight = value.GetInt32() }),
        ["history.maxTotalUpdates"] = Limit((limits, value) => limits with { UpdatesTotal = value.GetInt32() }),
        ["history.maxBufferedQueryCount"] = Limit((limits, value) => limits with { BufferedQueries = value.GetInt32() }),
        ["history.enableWorkflowTaskCompletionPagination"] = (options, value) => options with { PagedTaskCompletions = value.GetBoolean() },
        ["component.nexusoperations.useSystemCallbackURL"] = (options, value) => options with { NexusCallbacksOverHttp = !value.GetBoolean() },
        ["component.nexusoperations.callback.endpoint.template"] = (options, value) => options with { PublicHttpUrl = BaseUrl(value.GetString() ?? "") },
        ["system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute"] = Limit((limits, value) => limits with { ReportedTaskProblems = value.GetInt32() }),
        ["matching.longPollExpirationInterval"] = Limit((limits, value) => limits with { LongPoll = Duration(value.GetString() ?? "") }),
    };

    /// <summary>The path at which callbacks arrive, which is the same in every server.</summary>
    private const string CallbackPath = "/namespaces/{{.NamespaceName}}/nexus/callback";

    public static IEnumerable<string> Keys => keys.Keys;

    /// <summary>What is wrong with one setting, or null.</summary>
    public static string? Problem(KeyValuePair<string, string> setting)
    {
        try
        {
            Apply(new DurableServerOptions(), setting);
            return null;
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            return $"--dynamic-config-value {setting.Key}={setting.Value}: the value is no JSON of the key's type; strings need quotes, as in {setting.Key}=\"1s\"";
        }
    }

    public static DurableServerOptions Apply(DurableServerOptions options, KeyValuePair<string, string> setting)
    {
        if (!keys.TryGetValue(setting.Key.Trim(), out var apply))
        {
            return options;
        }

        using var json = JsonDocument.Parse(setting.Value.Trim());
        return apply(options, json.RootElement);
    }

    private static Func<DurableServerOptions, JsonElement, DurableServerOptions> Limit(Func<DurableLimits, JsonElement, DurableLimits> apply) =>
        (options, value) => options with { Limits = apply(options.Limits, value) };

    private static string BaseUrl(string template) => template.EndsWith(CallbackPath, StringComparison.Ordinal)
        ? template[..^CallbackPath.Length]
        : throw new FormatException($"'{template}' does not end in {CallbackPath}");

    /// <summary>A duration as Go writes it, of one unit: 500ms, 20s, 1m, 1h.</summary>
    private static TimeSpan Duration(string text)
    {
        var digits = text.TrimEnd('m', 's', 'h');
        var amount = double.Parse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);
        return text[digits.Length..] switch
        {
            "ms" => TimeSpan.FromMilliseconds(amount),
            "s" => TimeSpan.FromSeconds(amount),
            "m" => TimeSpan.FromMinutes(amount),
            "h" => TimeSpan.FromHours(amount),
            _ => throw new FormatException($"'{text}' is no duration"),
        };
    }
}
