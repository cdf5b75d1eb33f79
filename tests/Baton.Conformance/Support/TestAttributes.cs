using Temporalio.Api.OperatorService.V1;

namespace Baton.Conformance.Support;

/// <summary>One custom search attribute of each type, registered once for the whole run.</summary>
internal static class TestAttributes
{
    public static readonly SearchAttributeKey<string> Keyword = SearchAttributeKey.CreateKeyword("ConformanceKeyword");
    public static readonly SearchAttributeKey<string> Text = SearchAttributeKey.CreateText("ConformanceText");
    public static readonly SearchAttributeKey<long> Long = SearchAttributeKey.CreateLong("ConformanceLong");
    public static readonly SearchAttributeKey<double> Double = SearchAttributeKey.CreateDouble("ConformanceDouble");
    public static readonly SearchAttributeKey<bool> Bool = SearchAttributeKey.CreateBool("ConformanceBool");
    public static readonly SearchAttributeKey<DateTimeOffset> Time = SearchAttributeKey.CreateDateTimeOffset("ConformanceTime");
    public static readonly SearchAttributeKey<IReadOnlyCollection<string>> Keywords = SearchAttributeKey.CreateKeywordList("ConformanceKeywords");

    private static readonly IReadOnlyList<SearchAttributeKey> All = [Keyword, Text, Long, Double, Bool, Time, Keywords];

    public static async Task RegisterAsync(ITemporalClient client)
    {
        var known = await client.OperatorService.ListSearchAttributesAsync(new() { Namespace = client.Options.Namespace });
        var request = new AddSearchAttributesRequest { Namespace = client.Options.Namespace };
        foreach (var key in All.Where(key => !known.CustomAttributes.ContainsKey(key.Name)))
        {
            request.SearchAttributes.Add(key.Name, key.ValueType);
        }
        if (request.SearchAttributes.Count > 0)
        {
            await client.OperatorService.AddSearchAttributesAsync(request);
        }
    }
}
