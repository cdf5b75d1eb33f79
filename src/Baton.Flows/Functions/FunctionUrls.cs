using System.Text.RegularExpressions;

namespace Baton.Flows.Functions;

/// <summary>Turns the pages of git hosts that people copy into the addresses of the raw files.</summary>
internal static partial class FunctionUrls
{
    public static string Raw(string url) => GitLab().Replace(GitHub().Replace(url, "https://raw.githubusercontent.com/${repo}/refs/heads/${rest}"), "${root}/-/raw/${rest}");

    [GeneratedRegex("^https://github\\.com/(?<repo>[^/]+/[^/]+)/(tree|blob)/(?<rest>.+)$")]
    private static partial Regex GitHub();

    [GeneratedRegex("^(?<root>https://gitlab\\.[^/]+/.+)/-/(tree|blob)/(?<rest>.+)$")]
    private static partial Regex GitLab();
}
