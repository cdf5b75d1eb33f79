using Baton.Flows.Schemas;
using Baton.Jq;

namespace Baton.Flows.Tests.Validate;

public sealed class JsonSchemaTests
{
    [Theory]
    [InlineData("""{"type":["string","null"]}""", "null", true)]
    [InlineData("""{"type":"integer"}""", "1.0", true)]
    [InlineData("""{"type":"integer"}""", "1.5", false)]
    [InlineData("""{"multipleOf":0.01}""", "19.99", true)]
    [InlineData("""{"exclusiveMinimum":1}""", "1", false)]
    [InlineData("""{"minLength":2}""", "\"😀\"", false)]
    [InlineData("""{"pattern":"^a+$"}""", "\"aab\"", false)]
    [InlineData("""{"pattern":"^a+$"}""", "1", true)]
    [InlineData("""{"format":"date-time"}""", "\"2026-01-31T08:00:00Z\"", true)]
    [InlineData("""{"format":"date-time"}""", "\"2026-31-01\"", false)]
    [InlineData("""{"prefixItems":[{"type":"string"}],"items":{"type":"number"}}""", """["a",1,2]""", true)]
    [InlineData("""{"prefixItems":[{"type":"string"}],"items":{"type":"number"}}""", """["a",1,"b"]""", false)]
    [InlineData("""{"prefixItems":[{}],"unevaluatedItems":false}""", "[1,2]", false)]
    [InlineData("""{"contains":{"const":1},"maxContains":1}""", "[1,1]", false)]
    [InlineData("""{"uniqueItems":true}""", """[{"a":1,"b":2},{"b":2,"a":1}]""", false)]
    [InlineData("""{"properties":{"a":{"type":"string"}},"additionalProperties":false}""", """{"b":1}""", false)]
    [InlineData("""{"patternProperties":{"^x":{"type":"number"}},"additionalProperties":false}""", """{"x1":1}""", true)]
    [InlineData("""{"allOf":[{"properties":{"a":{}}}],"unevaluatedProperties":false}""", """{"a":1}""", true)]
    [InlineData("""{"allOf":[{"properties":{"a":{}}}],"unevaluatedProperties":false}""", """{"a":1,"b":2}""", false)]
    [InlineData("""{"oneOf":[{"required":["a"]},{"required":["b"]}]}""", """{"a":1,"b":2}""", false)]
    [InlineData("""{"if":{"required":["a"]},"then":{"required":["b"]},"else":{"required":["c"]}}""", """{"a":1}""", false)]
    [InlineData("""{"dependentRequired":{"a":["b"]}}""", """{"a":1}""", false)]
    [InlineData("""{"not":{"type":"string"}}""", "\"x\"", false)]
    [InlineData("""{"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"next":{"$ref":"#/$defs/tree"}},"additionalProperties":false}}}""", """{"next":{"next":{}}}""", true)]
    [InlineData("""{"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"next":{"$ref":"#/$defs/tree"}},"additionalProperties":false}}}""", """{"next":{"net":{}}}""", false)]
    [InlineData("""{"$ref":"#"}""", "1", false)]
    public void Values_match_or_do_not(string schema, string value, bool matches) =>
        Assert.Equal(matches, JsonSchema.Parse(JqValue.Parse(schema)).Validate(JqValue.Parse(value)).Count == 0);

    [Theory]
    [InlineData("1")]
    [InlineData("""{"type":"text"}""")]
    [InlineData("""{"pattern":"("}""")]
    [InlineData("""{"$ref":"#/$defs/none"}""")]
    [InlineData("""{"$ref":"https://elsewhere.example/schema"}""")]
    [InlineData("""{"allOf":[]}""")]
    public void What_is_no_schema_is_refused(string schema) => Assert.Throws<JsonSchemaException>(() => JsonSchema.Parse(JqValue.Parse(schema)));

    [Fact]
    public void Problems_name_the_place() => Assert.Equal("/a/1 must be number, not string",
        Assert.Single(JsonSchema.Parse(JqValue.Parse("""{"properties":{"a":{"items":{"type":"number"}}}}""")).Validate(JqValue.Parse("""{"a":[1,"x"]}"""))).ToString());
}
