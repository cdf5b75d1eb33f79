using System.Text.Json;
using Temporalio.Exceptions;

namespace Deploy;

/// <summary>The repository's own commands, from its deploy.json.</summary>
/// <param name="Release">The folder that the build leaves, relative to the repository: what is deployed.</param>
internal sealed record RepositoryCommands(string Build, string Test, string Release)
{
    public static RepositoryCommands Read(string checkout)
    {
        try
        {
            var commands = JsonSerializer.Deserialize<RepositoryCommands>(File.ReadAllText(Path.Combine(checkout, "deploy.json")), JsonSerializerOptions.Web);
            if (commands is { Build.Length: > 0, Test.Length: > 0, Release.Length: > 0 })
            {
                return commands;
            }
        }
        catch (Exception exception) when (exception is JsonException or FileNotFoundException)
        {
            throw Wrong(exception);
        }
        throw Wrong(null);
    }

    private static ApplicationFailureException Wrong(Exception? cause) => new(
        "the repository needs a deploy.json with `build`, `test` and `release`", cause, "NotDeployable", nonRetryable: true);
}
