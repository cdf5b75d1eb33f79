using Deploy;
using Deploy.Sample;

namespace Baton.Examples.Tests;

/// <summary>The sample service of the example at v3, published once for all tests.</summary>
public sealed class SampleService : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("baton-sample-").FullName;

    public string Repository => Path.Combine(folder, "repo");

    public string Published => Path.Combine(Repository, "out");

    public async ValueTask InitializeAsync()
    {
        await SampleRepository.CreateAsync(Repository, default);
        var commands = RepositoryCommands.Read(Repository);
        var built = await Shell.RunAsync(commands.Build, Repository, _ => { }, default);
        Assert.True(built.ExitCode == 0, built.Tail);
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(folder, recursive: true);
        return ValueTask.CompletedTask;
    }
}
