namespace Deploy.Sample;

/// <summary>
/// Makes the Git repository of a small web service, from the files in service/: v1 greets, v2 greets with joy, and v3
/// needs a setting that this machine does not have, which its tests do not notice and its health check does.
/// </summary>
internal static class SampleRepository
{
    private static readonly string Source = Path.Combine(AppContext.BaseDirectory, "service");

    public static async Task CreateAsync(string path, CancellationToken cancel)
    {
        if (Directory.Exists(path))
        {
            return;
        }
        // Made aside and moved into place whole: a repository that is there is complete.
        var temporary = $"{path}.{Guid.NewGuid():N}";
        foreach (var file in Directory.EnumerateFiles(Source, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(temporary, Path.GetRelativePath(Source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
        File.Move(Path.Combine(temporary, "gitignore"), Path.Combine(temporary, ".gitignore"));
        await Git("init --quiet --initial-branch=main");
        await Commit("v1", "Greet");

        Replace("web/Greeting.cs", "\"Hello, {name}.\"", "\"Hello, {name}, how good to see you!\"");
        await Commit("v2", "Greet with joy");

        Replace("web/Health.cs", "=> null;", "=>\n        Environment.GetEnvironmentVariable(\"GREETINGS_DATABASE\") is null ? \"GREETINGS_DATABASE is not set\" : null;");
        await Commit("v3", "Keep greetings in a database");
        Directory.Move(temporary, path);

        void Replace(string file, string old, string text)
        {
            var target = Path.Combine(temporary, file);
            File.WriteAllText(target, File.ReadAllText(target).Replace(old, text, StringComparison.Ordinal));
        }

        async Task Commit(string tag, string message)
        {
            await Git("add --all");
            await Git($"-c user.name=Baton -c user.email=baton@example.com commit --quiet --message '{message}'");
            await Git($"tag {tag}");
        }

        async Task Git(string arguments)
        {
            var result = await Shell.RunAsync($"git {arguments}", temporary, line => { }, cancel);
            if (result.ExitCode != 0)
            {
                throw new InvalidOperationException($"git {arguments} failed: {result.Tail}");
            }
        }
    }
}
