using System.Globalization;
using System.Reflection;
using Calico.Datastore.Etcd;
using YamlDotNet.RepresentationModel;

namespace Calico.Host.Settings;

/// <summary>Reads settings: environment first, then the configuration file, then the default of the property.</summary>
/// <param name="environment">Looks up an environment variable.</param>
/// <param name="file">Dotted path → text; see <see cref="ReadFile"/>.</param>
public sealed class SettingsReader(Func<string, string?> environment, IReadOnlyDictionary<string, string> file)
{
    public const string DefaultFile = "/etc/calico/calico.cfg";

    private const int MaxDepth = 16;

    private readonly HashSet<string> _used = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads a YAML file into dotted paths. A missing default file is empty.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/> with the file as path.</exception>
    public static IReadOnlyDictionary<string, string> ReadFile(string path, bool mustExist)
    {
        var values = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        if (!File.Exists(path))
        {
            return mustExist ? throw new CalicoException(Problem.Invalid, $"there is no configuration file {path}", path) : values;
        }

        try
        {
            using var reader = File.OpenText(path);
            var yaml = new YamlStream();
            yaml.Load(reader);
            foreach (var document in yaml.Documents)
            {
                Flatten("", document.RootNode, values, path);
            }
        }
        catch (YamlDotNet.Core.YamlException e)
        {
            throw new CalicoException(Problem.Invalid, $"{path} is not YAML: line {e.Start.Line}: {e.Message}", path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or InvalidOperationException or FormatException or OverflowException)
        {
            // The parser's own for texts it did not expect, and the file system's.
            throw new CalicoException(Problem.Invalid, $"{path} cannot be read: {e.Message}", path, e);
        }

        return values;
    }

    /// <summary>The host's own settings.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: all that is wrong, each by its name; path = the variable or file path
    /// when it is a single one.</exception>
    public HostSettings ReadHost()
    {
        var settings = new HostSettings();
        var sources = new Dictionary<string, (string? Value, string Source)>();
        var errors = new List<CalicoException>();
        foreach (var (property, setting) in Describe())
        {
            var (value, source) = Find(setting);
            sources[property.Name] = (value, source ?? setting.Environment);
            if (value is null)
            {
                continue;
            }

            try
            {
                property.SetValue(settings, setting.Choices.Length == 0 || setting.Choices.Split('|').Contains(value)
                    ? Convert(property.PropertyType, value, source!)
                    : throw new CalicoException(Problem.Invalid, $"{source} is '{value}'; it can be {setting.Choices.Replace("|", ", ", StringComparison.Ordinal)}", source));
            }
            catch (CalicoException e)
            {
                errors.Add(e);
                // Said once: what follows from a value that was not taken is no second fault.
                sources.Remove(property.Name);
            }
        }

        errors.AddRange(SettingRules.Broken(settings).Where(b => sources.ContainsKey(b.Property)).Select(b => Broken(b.Property, b.Wanted)));
        errors.AddRange(file.Keys.Where(p => !_used.Contains(p) && !p.StartsWith("plugins.", StringComparison.OrdinalIgnoreCase))
            .Select(path => new CalicoException(Problem.Invalid, $"the configuration file has '{path}', which is no setting; calico-host --help lists them", path)));
        return errors switch
        {
            [] => settings,
            [var only] => throw only,
            _ => throw new CalicoException(Problem.Invalid, $"{errors.Count} settings cannot be used:{string.Concat(errors.Select(e => $"\n  {e.Message}"))}"),
        };

        CalicoException Broken(string property, string wanted)
        {
            var (value, source) = sources[property];
            return new(Problem.Invalid, $"{source} is {(value is null ? "not set" : $"'{value}'")}; it has to be {wanted}", source);
        }
    }

    /// <summary>Settings of one adapter: <c>CALICO_&lt;NAME&gt;_&lt;PROPERTY&gt;</c>, then <c>plugins.&lt;name&gt;.&lt;property&gt;</c>.</summary>
    public T ReadPlugin<T>(string plugin) where T : class, new()
    {
        var settings = new T();
        foreach (var property in typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.CanWrite))
        {
            var variable = $"CALICO_{plugin}_{property.Name}".ToUpperInvariant();
            var path = $"plugins.{plugin}.{property.Name}";
            var (value, source) = environment(variable) is { Length: > 0 } text ? (text, variable)
                : file.TryGetValue(path, out var fromFile) ? (fromFile, path) : (null, null);
            if (value is not null)
            {
                property.SetValue(settings, Convert(property.PropertyType, value, source!));
            }
        }

        return settings;
    }

    /// <summary>Every host setting, in the order it is listed by <c>--help</c>.</summary>
    public static IEnumerable<(PropertyInfo Property, SettingAttribute Setting)> Describe() =>
        from property in typeof(HostSettings).GetProperties()
        let setting = property.GetCustomAttribute<SettingAttribute>()
        where setting is not null
        select (property, setting);

    private (string? Value, string? Source) Find(SettingAttribute setting)
    {
        _used.Add(setting.Path);
        // As in calicoctl and upstream: the name with our prefix is the more particular one.
        foreach (var name in (string[])[$"CALICO_{setting.Environment}", setting.Environment])
        {
            if (environment(name) is { Length: > 0 } value)
            {
                return (value, name);
            }
        }

        return file.TryGetValue(setting.Path, out var text) ? (text, setting.Path) : (null, null);
    }

    private static object Convert(Type type, string value, string source)
    {
        if (type == typeof(string))
        {
            return value;
        }

        if (type == typeof(Secret))
        {
            return new Secret(value);
        }

        if (type == typeof(bool))
        {
            return value.ToLowerInvariant() switch
            {
                "true" or "yes" or "1" => true,
                "false" or "no" or "0" => false,
                _ => throw Wrong("true or false"),
            };
        }

        if (type == typeof(int))
        {
            return int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : throw Wrong("a number");
        }

        if (type == typeof(TimeSpan))
        {
            return TimeSpan.TryParse(value, CultureInfo.InvariantCulture, out var time) ? time : throw Wrong("a time such as 00:00:30");
        }

        throw new CalicoException(Problem.Unsupported, $"a setting cannot be of type {type.Name}", source);

        CalicoException Wrong(string wanted) => new(Problem.Invalid, $"{source} is '{value}'; it has to be {wanted}", source);
    }

    private static void Flatten(string prefix, YamlNode node, Dictionary<string, string> into, string path, int depth = 0)
    {
        // An alias may stand for what it is in.
        if (depth > MaxDepth)
        {
            throw new CalicoException(Problem.Invalid, $"{path}: '{prefix}' is more than {MaxDepth} levels deep", path);
        }

        switch (node)
        {
            case YamlMappingNode map:
                foreach (var (key, value) in map.Children)
                {
                    var name = (key as YamlScalarNode)?.Value ?? throw new CalicoException(Problem.Invalid, $"{path}: a key is not text", path);
                    Flatten(prefix.Length == 0 ? name : $"{prefix}.{name}", value, into, path, depth + 1);
                }

                break;
            case YamlSequenceNode list:
                into[prefix] = string.Join(',', list.Children.Select(c => (c as YamlScalarNode)?.Value
                    ?? throw new CalicoException(Problem.Invalid, $"{path}: '{prefix}' is a list of something else than texts", path)));
                break;
            case YamlScalarNode { Value: { } text }:
                into[prefix] = text;
                break;
        }
    }
}
