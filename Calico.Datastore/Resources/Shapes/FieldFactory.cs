using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Calico.Datastore.Resources.Formats;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>Short ways to say what a member looks like; kinds use it with <c>using static</c> so that a shape reads as a table.</summary>
public static class FieldFactory
{
    public static Field Text(string name, Func<string, string?>? format = null, int maxLength = 0) =>
        new(name, new TextShape(format, maxLength));

    public static Field Text(string name, Regex pattern) =>
        Text(name, TextFormats.Pattern(pattern, $"must match {pattern}"));

    public static Field Selector(string name, int maxLength = 1024) => Text(name, TextFormats.Selector, maxLength);

    public static Field Duration(string name) => Text(name, TextFormats.Duration);

    public static Field Flag(string name) => new(name, new FlagShape());

    /// <summary>A port that something listens on or sends to.</summary>
    public static Field PortNumber(string name) => Number(name, 1, 65535);

    public static Field Number(string name, long least = int.MinValue, long most = int.MaxValue) => new(name, new NumberShape(least, most));

    public static Field Fraction(string name) => new(name, new FractionShape());

    public static Field Choice(string name, params ImmutableArray<string> choices) => new(name, new ChoiceShape(choices));

    public static Field ChoiceAnyCase(string name, params ImmutableArray<string> choices) =>
        new(name, new ChoiceShape(choices) { AnyCase = true });

    public static Field Any(string name) => new(name, new AnyShape());

    public static Field Nested(string name, params ImmutableArray<Field> fields) => new(name, new ObjectShape(fields));

    public static Field Nested(string name, ObjectShape shape) => new(name, shape);

    public static Field List(string name, Shape item, int maxItems = 0, bool set = false, int minItems = 0) =>
        new(name, new ListShape(item) { MaxItems = maxItems, Set = set, MinItems = minItems });

    public static Field Texts(string name, Func<string, string?>? format = null, int maxItems = 0, bool set = false, int maxLength = 0) =>
        List(name, new TextShape(format, maxLength), maxItems, set);

    public static Field Choices(string name, int maxItems, params ImmutableArray<string> choices) =>
        List(name, new ChoiceShape(choices), maxItems, set: true);

    public static Field Labels(string name) => new(name, new MapShape(NameFormats.QualifiedName, NameFormats.LabelValue));

    public static Field Annotations(string name) => new(name, new MapShape(NameFormats.AnnotationKey) { MaxBytes = 262_144 });

    public static Field Protocol(string name) =>
        new(name, new NumberOrTextShape(NumberFormats.Protocol) { Canonical = NumberFormats.CanonicalProtocol });

    public static Field AsNumber(string name) => new(name, new NumberOrTextShape(NumberFormats.AsNumber));

    /// <summary>The member must be there and not empty.</summary>
    public static Field Required(Field field) => field with { Required = true };

    /// <summary>What is filled in where the member is absent, as JSON.</summary>
    public static Field WithDefault(Field field, string json) => field with { Default = json };
}
