using NATS.NKeys;

namespace Baton.Server.Tests.Events;

public sealed class KeyPairTests
{
    // The pair that the documentation of NATS shows.
    private const string Seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    private const string Public = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

    [Fact]
    public void A_seed_gives_its_public_key()
    {
        using var pair = KeyPair.FromSeed(Seed);
        Assert.Equal(Public, pair.GetPublicKey());
    }

    [Theory]
    [InlineData("")]
    [InlineData("SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3V1")]
    [InlineData("SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VA")]
    [InlineData(Public)]
    public void What_is_no_seed_is_refused(string text) => Assert.Throws<ArgumentException>(() => KeyPair.FromSeed(text));
}
