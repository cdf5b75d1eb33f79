using System.Reflection;

namespace Baton.Server.Errors;

/// <summary>The pages of the error codes: Markdown, headed by `# CODE: title`.</summary>
public static class ErrorPages
{
    private const string Prefix = "errors/";
    private static readonly Assembly Home = typeof(ErrorPages).Assembly;

    /// <summary>The codes that have a page, sorted.</summary>
    public static IReadOnlyList<string> Codes { get; } =
        [.. Home.GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .Select(name => name[Prefix.Length..])
            .Order(StringComparer.Ordinal)];

    /// <summary>The page of <paramref name="code"/>, in any letter case; null when there is none.</summary>
    public static string? Find(string code)
    {
        using var stream = Home.GetManifestResourceStream(Prefix + code.ToUpperInvariant());
        if (stream is null)
        {
            return null;
        }
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>The title of a page: what follows the code in its heading.</summary>
    public static string Title(string page)
    {
        var heading = page[..page.IndexOf('\n', StringComparison.Ordinal)];
        return heading[(heading.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
    }
}
