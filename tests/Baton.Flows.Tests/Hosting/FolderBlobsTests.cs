using System.Security.Cryptography;
using Baton.Flows.Hosting;

namespace Baton.Flows.Tests.Hosting;

public sealed class FolderBlobsTests : IDisposable
{
    private readonly string _folder = Path.Combine(Directory.CreateTempSubdirectory("baton-blobs-").FullName, "made");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_folder)!, recursive: true);

    private string[] Files() => Directory.Exists(_folder) ? Directory.GetFiles(_folder, "*", SearchOption.AllDirectories) : [];

    [Fact]
    public async Task What_was_put_is_found_by_its_hash_also_by_another_process()
    {
        var content = RandomNumberGenerator.GetBytes(300_000);
        var hash = await new FolderBlobs(_folder).PutAsync(content, Token);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(content)), hash);
        Assert.Equal(content, await new FolderBlobs(_folder).GetAsync(hash, Token));
        Assert.Null(await new FolderBlobs(_folder).GetAsync(new string('0', 64), Token));
    }

    [Fact]
    public async Task The_same_content_is_kept_once_however_many_put_it_at_once()
    {
        var content = RandomNumberGenerator.GetBytes(100_000);
        await Parallel.ForAsync(0, 20, Token, async (_, token) => await new FolderBlobs(_folder).PutAsync(content, token));
        Assert.Single(Files());
    }

    [Fact]
    public async Task A_damaged_file_is_not_given_out()
    {
        var blobs = new FolderBlobs(_folder);
        var hash = await blobs.PutAsync(new byte[] { 1, 2, 3 }, Token);
        await File.WriteAllBytesAsync(Assert.Single(Files()), [1, 2], Token);
        await Assert.ThrowsAsync<InvalidDataException>(async () => await blobs.GetAsync(hash, Token));
    }

    [Theory]
    [InlineData("../../etc/passwd")]
    [InlineData("")]
    public async Task A_name_that_is_no_hash_leads_nowhere(string name) =>
        await Assert.ThrowsAsync<ArgumentException>(async () => await new FolderBlobs(_folder).GetAsync(name, Token));

    [Fact]
    public async Task Retention_takes_what_nobody_has_put_for_so_long()
    {
        var time = new SteppedTime();
        var blobs = new FolderBlobs(_folder, time);
        Assert.Equal(0, blobs.DeleteOlderThan(TimeSpan.FromDays(7)));
        var old = await blobs.PutAsync(new byte[] { 1 }, Token);
        var renewed = await blobs.PutAsync(new byte[] { 2 }, Token);
        time.Now += TimeSpan.FromDays(6);
        await blobs.PutAsync(new byte[] { 2 }, Token);
        await File.WriteAllBytesAsync(Path.Combine(_folder, "00.new"), [1], Token);
        File.SetLastWriteTimeUtc(Path.Combine(_folder, "00.new"), new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        time.Now += TimeSpan.FromDays(2);
        Assert.Equal(1, blobs.DeleteOlderThan(TimeSpan.FromDays(7)));
        Assert.Null(await blobs.GetAsync(old, Token));
        Assert.NotNull(await blobs.GetAsync(renewed, Token));
        Assert.Single(Files());
    }

    private sealed class SteppedTime : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
