//! Every mistake in a config is named with its place and a hint.

use std::fs;
use std::path::Path;

use experiment::{ConfigError, Experiment, MAX_BYTES, Source, load};

/// Text of the file, overrides; place of the error, its message, its hint. The place of an error in
/// an override is `--set` and what the caret marks, `$` for the end.
pub struct Bad(
    pub &'static str,
    pub &'static [&'static str],
    pub &'static str,
    pub &'static str,
    pub &'static str,
);

#[rustfmt::skip]
pub const BAD: &[Bad] = &[
    // TOML that is none
    Bad("a = adam", &[], "my.toml:1:5", "this is neither a number nor text in quotes", "write \"...\" around text; a list is [256, 128]"),
    Bad("name = \"x", &[], "my.toml:1:10", "the text has no closing quote", "write \"...\" around it"),
    Bad("name = ", &[], "my.toml:1:8", "the value is missing", "a setting is one line: key = value"),
    Bad("name 1", &[], "my.toml:1:6", "expected `=` after the key", "a setting is one line: key = value"),
    Bad("[opt", &[], "my.toml:1:5", "the table name has no closing `]`", "write [name]"),
    Bad("[data]\n[data]\n", &[], "my.toml:2:2", "this is set twice", "keep one of the two; a [table] may appear once"),
    Bad("seed=1\nseed=2", &[], "my.toml:2:1", "this is set twice", "keep one of the two; a [table] may appear once"),
    Bad("[model]\nhidden=[1,2", &[], "my.toml:2:12", "the list has no closing `]`", "write [256, 128]"),
    Bad("seed=1 name=2", &[], "my.toml:1:8", "expected the end of the line", "write one setting per line"),
    Bad("name = 'x", &[], "my.toml:1:10", "the text has no closing quote", "write \"...\" around it"),
    Bad("=3", &[], "my.toml:1:1", "the key is missing", "a setting is one line: key = value"),
    Bad("[optimizer]\nlearning_rate = .5", &[], "my.toml:2:17", "this is not a number", "write a digit before the point: 0.5"),
    Bad("[optimizer]\nlearning_rate = 1.", &[], "my.toml:2:19", "this is not a number", "write a digit after the point: 1.0"),
    Bad("seed = 01", &[], "my.toml:1:8", "a number must not begin with 0", "remove the 0"),
    Bad("[optimizer]\nname=\"sgd\"\nnesterov = True", &[], "my.toml:3:12", "this is neither a number nor text in quotes", "write true or false in lower case, or \"...\" around text"),
    Bad("name = \"\\q\"", &[], "my.toml:1:10", "unknown escape after `\\`", "write a single backslash as \\\\, or use '...'"),
    Bad("name = “x”", &[], "my.toml:1:8", "this is neither a number nor text in quotes", "write \"...\" around text; a list is [256, 128]"),
    Bad("[model]\nhidden = [1 2]", &[], "my.toml:2:11", "this is neither a number nor text in quotes", "write \"...\" around text; a list is [256, 128]"),
    Bad("é = 3", &[], "my.toml:1:1", "a key has only letters a to z, digits, `-` and `_`", "see the keys in configs/fashion-mnist.toml"),
    Bad("seed = 3\u{1}", &[], "my.toml:1:8", "this is neither a number nor text in quotes", "write \"...\" around text; a list is [256, 128]"),
    Bad("seed = 1\nseed.x = 3", &[], "my.toml:2:1", "this is set twice", "it is a value above and a table here"),
    Bad("model = {hidden = [3]", &[], "my.toml:1:22", "the table has no closing `}`", "write { key = value }"),
    Bad("[model]\nhidden = [3,\n\n", &[], "my.toml:2:13", "the list has no closing `]`", "write [256, 128]"),
    // keys and tables that do not exist
    Bad("sede = 3", &[], "my.toml:1:1", "unknown key `sede`", "did you mean `seed`?"),
    Bad("epochs = 3", &[], "my.toml:1:1", "unknown key `epochs`", "`epochs` belongs in [training]"),
    Bad("[optimizer]\nlearning_rat = 0.1", &[], "my.toml:2:1", "unknown key `learning_rat` in [optimizer]", "did you mean `learning_rate`?"),
    Bad("[optimizer]\nlr = 0.1", &[], "my.toml:2:1", "unknown key `lr` in [optimizer]", "did you mean `learning_rate`?"),
    Bad("[optimizer]\nbeta1 = 0.1", &[], "my.toml:2:1", "unknown key `beta1` in [optimizer]", "did you mean `beta_1`?"),
    Bad("[optimizer]\nseed = 1", &[], "my.toml:2:1", "unknown key `seed` in [optimizer]", "`seed` belongs at the top of the file, above the first [table]"),
    Bad("[optimiser]\nname = \"adam\"", &[], "my.toml:1:2", "unknown table [optimiser]", "did you mean [optimizer]?"),
    Bad("[checkpoint]\nevery = \"7\"", &[], "my.toml:2:9", "`checkpoint.every` is not a number of epochs, steps or seconds", "write \"1 epoch\", \"500 steps\", \"30 s\" or \"never\""),
    Bad("", &["checkpoint.every=0 steps"], "--set 0 steps", "`checkpoint.every` is not a number of epochs, steps or seconds", "write \"1 epoch\", \"500 steps\", \"30 s\" or \"never\""),
    Bad("[zzz]", &[], "my.toml:1:2", "unknown table [zzz]", "the tables are `data`, `augmentation`, `model`, `training`, `optimizer`, `schedule`, `early_stopping`, `checkpoint`, `evaluation`, `log`, `sweep`"),
    Bad("zzz = 1", &[], "my.toml:1:1", "unknown key `zzz`", "the keys above the first [table] are `name`, `backend`, `engine`, `seed`"),
    Bad("[model]\nkernel = 5", &[], "my.toml:2:1", "`model.kernel` is not used when `model.kind` is `mlp`", "only `cnn` uses it: remove it or choose another `kind`"),
    Bad("[model]\nzzz = 1", &[], "my.toml:2:1", "unknown key `zzz` in [model]", "the keys of [model] are `kind`, `channels`, `convolutions`, `kernel`, `global_average`, `hidden`, `activation`, `dropout`, `init`"),
    Bad("[\"\"]\nname=\"x\"", &[], "my.toml:1:2", "unknown table []", "the tables are `data`, `augmentation`, `model`, `training`, `optimizer`, `schedule`, `early_stopping`, `checkpoint`, `evaluation`, `log`, `sweep`"),
    Bad("\"\" = 1", &[], "my.toml:1:1", "unknown key ``", "the keys above the first [table] are `name`, `backend`, `engine`, `seed`"),
    Bad("optimizer = \"adam\"", &[], "my.toml:1:13", "expected a table for `optimizer`, found the text \"adam\"", "write [optimizer], and its keys on the lines below"),
    Bad("[[optimizer]]\nname=\"adam\"", &[], "my.toml:1:1", "expected a table for `optimizer`, found a list", "write [optimizer], and its keys on the lines below"),
    Bad("[model.hidden]\na=1", &[], "my.toml:1:1", "expected a list of whole numbers for `model.hidden`, found a table", "for example [128]"),
    Bad("early_stopping = false", &[], "my.toml:1:18", "expected a table for `early_stopping`, found false", "write [early_stopping], and its keys on the lines below"),
    Bad("[training]\nbatchsize = 3", &[], "my.toml:2:1", "unknown key `batchsize` in [training]", "did you mean `batch_size`?"),
    Bad("[training]\nbatch = 3", &[], "my.toml:2:1", "unknown key `batch` in [training]", "did you mean `batch_size`?"),
    Bad("[training]\nlearning_rate = 3", &[], "my.toml:2:1", "unknown key `learning_rate` in [training]", "`learning_rate` belongs in [optimizer]"),
    Bad("\"a\\nb\" = 3", &[], "my.toml:1:1", "unknown key `a\\nb`", "the keys above the first [table] are `name`, `backend`, `engine`, `seed`"),
    // values of the wrong type
    Bad("seed = \"42\"", &[], "my.toml:1:8", "expected a whole number for `seed`, found the text \"42\"", "write 42"),
    Bad("seed = 1.0", &[], "my.toml:1:8", "expected a whole number for `seed`, found the number 1.0", "write 1"),
    Bad("seed = 1.5", &[], "my.toml:1:8", "expected a whole number for `seed`, found the number 1.5", "for example 42"),
    Bad("name = 3", &[], "my.toml:1:8", "expected text for `name`, found the whole number 3", "write \"3\""),
    Bad("name = 2024-01-01", &[], "my.toml:1:8", "expected text for `name`, found a date", "write \"2024-01-01\""),
    Bad("backend = 3", &[], "my.toml:1:11", "expected one of `flex`, `ndarray`, `wgpu`, `auto` for `backend`, found the whole number 3", "for example \"flex\""),
    Bad("[optimizer]\nlearning_rate = \"0.1\"", &[], "my.toml:2:17", "expected a number for `optimizer.learning_rate`, found the text \"0.1\"", "write 0.1"),
    Bad("[optimizer]\nlearning_rate = \"fast\"", &[], "my.toml:2:17", "expected a number for `optimizer.learning_rate`, found the text \"fast\"", "for example 0.001"),
    Bad("[optimizer]\nlearning_rate = true", &[], "my.toml:2:17", "expected a number for `optimizer.learning_rate`, found true", "for example 0.001"),
    Bad("[model]\nhidden = 128", &[], "my.toml:2:10", "expected a list of whole numbers for `model.hidden`, found the whole number 128", "write [128]"),
    Bad("[model]\nhidden = [128, \"64\"]", &[], "my.toml:2:16", "expected a list of whole numbers for `model.hidden`, found the text \"64\"", "for example [128]"),
    Bad("[model]\nhidden = [128, 64.0]", &[], "my.toml:2:16", "expected a list of whole numbers for `model.hidden`, found the number 64.0", "for example [128]"),
    Bad("[data]\nclasses = \"a\"", &[], "my.toml:2:11", "expected a list of texts for `data.classes`, found the text \"a\"", "for example [\"cat\", \"dog\"]"),
    Bad("[data]\nclasses = [1,2]", &[], "my.toml:2:12", "expected a list of texts for `data.classes`, found the whole number 1", "for example [\"cat\", \"dog\"]"),
    Bad("[optimizer]\nname=\"sgd\"\nnesterov = \"true\"", &[], "my.toml:3:12", "expected true or false for `optimizer.nesterov`, found the text \"true\"", "for example false"),
    Bad("[optimizer]\nname=\"sgd\"\nnesterov = 1", &[], "my.toml:3:12", "expected true or false for `optimizer.nesterov`, found the whole number 1", "for example false"),
    Bad("[backend]\n", &[], "my.toml:1:1", "expected one of `flex`, `ndarray`, `wgpu`, `auto` for `backend`, found a table", "for example \"flex\""),
    // choices that are none
    Bad("engine = \"fused\"", &[], "my.toml:1:10", "unknown value \"fused\" for `engine`", "the choices are `auto`, `kernel`, `burn`"),
    Bad("backend = \"cuda\"", &[], "my.toml:1:11", "unknown value \"cuda\" for `backend`", "the choices are `flex`, `ndarray`, `wgpu`, `auto`"),
    Bad("backend = \"ndaray\"", &[], "my.toml:1:11", "unknown value \"ndaray\" for `backend`", "did you mean `ndarray`? the choices are `flex`, `ndarray`, `wgpu`, `auto`"),
    Bad("[optimizer]\nname = \"Adam\"", &[], "my.toml:2:8", "unknown value \"Adam\" for `optimizer.name`", "did you mean `adam`? the choices are `adam`, `adamw`, `sgd`"),
    Bad("[model]\nactivation = \"softmax\"", &[], "my.toml:2:14", "unknown value \"softmax\" for `model.activation`", "the choices are `relu`, `sigmoid`, `tanh`, `gelu`"),
    Bad("[training]\nloss = \"sparse_categorical_crossentropy\"", &[], "my.toml:2:8", "unknown value \"sparse_categorical_crossentropy\" for `training.loss`", "the choices are `cross_entropy`, `quadratic`"),
    Bad("[model]\ninit=\"glorot-uniform\"", &[], "my.toml:2:6", "unknown value \"glorot-uniform\" for `model.init`", "did you mean `glorot_uniform`? the choices are `glorot_uniform`, `he_uniform`, `torch`"),
    // values out of range
    Bad("[augmentation]\nshift = 5", &[], "my.toml:2:9", "`augmentation.shift` is 5, but must be 0 to 4", "the default is 0"),
    Bad("seed = -1", &[], "my.toml:1:8", "`seed` is -1, but must be 0 to 18446744073709551615", "the default is 42"),
    Bad("seed = 18446744073709551616", &[], "my.toml:1:8", "`seed` is 18446744073709551616, but must be 0 to 18446744073709551615", "the default is 42"),
    Bad("seed = 99999999999999999999999999999999999999999999999999", &[], "my.toml:1:8", "`seed` is 999999999999999999999999999999999999999999999999…, but must be 0 to 18446744073709551615", "the default is 42"),
    Bad("[training]\nepochs = 0", &[], "my.toml:2:10", "`training.epochs` is 0, but must be 1 to 100000", "the default is 10"),
    Bad("[training]\nbatch_size = 0", &[], "my.toml:2:14", "`training.batch_size` is 0, but must be 1 to 4294967295", "the default is 32"),
    Bad("[optimizer]\nlearning_rate = 0", &[], "my.toml:2:17", "`optimizer.learning_rate` is 0, but must be above 0", "the default is 0.001"),
    Bad("[optimizer]\nlearning_rate = nan", &[], "my.toml:2:17", "`optimizer.learning_rate` is nan, but must be a finite number", "the default is 0.001"),
    Bad("[optimizer]\nlearning_rate = 1e999", &[], "my.toml:2:17", "`optimizer.learning_rate` is 1e999, but must be a finite number", "the default is 0.001"),
    Bad("[optimizer]\nlearning_rate = 1e-60", &[], "my.toml:2:17", "`optimizer.learning_rate` is 1e-60, but must be above 0, also in single precision, where it is 0.0", "the default is 0.001"),
    Bad("[optimizer]\nbeta_2 = 0.99999999999", &[], "my.toml:2:10", "`optimizer.beta_2` is 0.99999999999, but must be at least 0 and below 1, also in single precision, where it is 1.0", "the default is 0.999"),
    Bad("[optimizer]\nbeta_1 = 1", &[], "my.toml:2:10", "`optimizer.beta_1` is 1, but must be at least 0 and below 1", "the default is 0.9"),
    Bad("[model]\nhidden = [128, 0]", &[], "my.toml:2:16", "`model.hidden` is 0, but must be 1 to 65536", "the default is [128]"),
    Bad("[model]\nhidden = [65536, 65536]", &[], "my.toml:2:10", "the network would have more than 100000000 parameters", "use fewer or smaller hidden layers"),
    Bad("[model]\ndropout = 1.0", &[], "my.toml:2:11", "`model.dropout` is 1.0, but must be at least 0 and below 1", "the default is 0.0"),
    Bad("name = \"\"", &[], "my.toml:1:8", "`name` has an empty text", "write something between the quotes"),
    Bad("name = \"../x\"", &[], "my.toml:1:8", "`name` begins with a `.`", "use up to 64 letters a to z, digits, `-`, `_` and `.`"),
    Bad("name = \"con\"", &[], "my.toml:1:8", "`name` is what Windows calls a device", "use up to 64 letters a to z, digits, `-`, `_` and `.`"),
    Bad("name = \"COM1.x\"", &[], "my.toml:1:8", "`name` is what Windows calls a device", "use up to 64 letters a to z, digits, `-`, `_` and `.`"),
    Bad("name = \"x.\"", &[], "my.toml:1:8", "`name` ends in a `.`, which Windows takes off", "use up to 64 letters a to z, digits, `-`, `_` and `.`"),
    Bad("name = \".x\"", &[], "my.toml:1:8", "`name` begins with a `.`", "use up to 64 letters a to z, digits, `-`, `_` and `.`"),
    Bad("[data]\nclasses=[\"a\",\"b\"]", &[], "my.toml:2:9", "`data.classes` has 2, but fashion-mnist has 10", "name every class once, in the order of the labels"),
    Bad("[data]\nname=\"k\"\ndir=\"d\"\nclasses=[\"a\",\"a\"]", &[], "my.toml:4:9", "`data.classes` has \"a\" twice", "name every class once, in the order of the labels"),
    Bad("[data]\nname=\"k\"\ndir=\"d\"\nclasses=[\"a\"]", &[], "my.toml:4:9", "`data.classes` has 1, but must have 2 to 256", "name every class once, in the order of the labels"),
    Bad("name = \"a\\u0007b\"", &[], "my.toml:1:8", "`name` has a control character: \"a\\u{7}b\"", "write it on one line, with spaces"),
    // keys that do not fit together
    Bad("[optimizer]\nmomentum = 0.5", &[], "my.toml:2:1", "`optimizer.momentum` is not used when `optimizer.name` is `adam`", "only `sgd` uses it: remove it or choose another `name`"),
    Bad("[schedule]\nfactor = 0.5", &[], "my.toml:2:1", "`schedule.factor` is not used when `schedule.name` is `constant`", "only `step`, `plateau` use it: remove it or choose another `name`"),
    Bad("[optimizer]\nname=\"sgd\"\nbeta_1=0.9", &[], "my.toml:3:1", "`optimizer.beta_1` is not used when `optimizer.name` is `sgd`", "only `adam`, `adamw` use it: remove it or choose another `name`"),
    Bad("[optimizer]\nname=\"sgd\"\nmomentum=0\nnesterov=true", &[], "my.toml:4:10", "`optimizer.nesterov` looks ahead by the momentum, but `optimizer.momentum` is 0", "set a momentum, for example 0.9, or remove `nesterov`"),
    Bad("[schedule]\nwarmup_epochs = 10", &[], "my.toml:2:17", "`schedule.warmup_epochs` is 10.0, but `training.epochs` is 10", "the warm-up must end before the last epoch does"),
    Bad("[schedule]\nwarmup_epochs = 2", &["training.epochs=2"], "--set 2", "`schedule.warmup_epochs` is 2.0, but `training.epochs` is 2", "the warm-up must end before the last epoch does"),
    Bad("[early_stopping]", &[], "my.toml:1:1", "early stopping watches the validation images, but `data.validation` is 0", "set `data.validation`, for example to 5000, or remove [early_stopping]"),
    Bad("[early_stopping]\n[data]\nvalidation=5", &["data.validation=0"], "--set 0", "early stopping watches the validation images, but `data.validation` is 0", "set `data.validation`, for example to 5000, or remove [early_stopping]"),
    // overrides
    Bad("", &["optimizer.learning_rat=0.1"], "--set learning_rat", "unknown key `learning_rat` in [optimizer]", "did you mean `learning_rate`?"),
    Bad("", &["learning_rate=0.1"], "--set learning_rate", "unknown key `learning_rate`", "did you mean `optimizer.learning_rate`?"),
    Bad("", &["optimizer.learning_rate=fast"], "--set fast", "expected a number for `optimizer.learning_rate`, found the text \"fast\"", "for example 0.001"),
    Bad("", &["foo"], "--set $", "expected `=` and a value after the key", "write --set key=value, for example --set optimizer.learning_rate=3e-4"),
    Bad("", &["=3"], "--set =", "the key is missing", "write --set key=value, for example --set optimizer.learning_rate=3e-4"),
    Bad("", &["seed="], "--set $", "the value is missing", "write --set key=value, for example --set optimizer.learning_rate=3e-4"),
    Bad("", &["a.b.c=3"], "--set b.c", "a key is one name, or a table and a name with a `.` between them", "write --set key=value, for example --set optimizer.learning_rate=3e-4"),
    Bad("", &["model.hidden=[512,"], "--set $", "the list has no closing `]`", "write [256, 128]"),
    Bad("", &["name=123"], "--set 123", "expected text for `name`, found the whole number 123", "write --set 'name=\"123\"'"),
    Bad("", &["optimizer=adam"], "--set adam", "expected a table for `optimizer`, found the text \"adam\"", "write --set optimizer.name=value"),
    Bad("", &["optimizer.momentum=0.5"], "--set momentum", "`optimizer.momentum` is not used when `optimizer.name` is `adam`", "only `sgd` uses it: remove it or choose another `name`"),
    Bad("", &["seed=1", "seed=x"], "--set x", "expected a whole number for `seed`, found the text \"x\"", "for example 42"),
    Bad("", &["optimizer.name=sgd", "optimizer.beta_1=0.5"], "--set beta_1", "`optimizer.beta_1` is not used when `optimizer.name` is `sgd`", "only `adam`, `adamw` use it: remove it or choose another `name`"),
    Bad("", &["model.hidden=512"], "--set 512", "expected a list of whole numbers for `model.hidden`, found the whole number 512", "write [512]"),
    Bad("", &["early_stopping.patience=2"], "--set early_stopping.patience", "early stopping watches the validation images, but `data.validation` is 0", "set `data.validation`, for example to 5000, or remove [early_stopping]"),
    Bad("", &["sede=1\nx"], "--set sede", "unknown key `sede`", "did you mean `seed`?"),
    Bad("", &[""], "--set $", "expected `=` and a value after the key", "write --set key=value, for example --set optimizer.learning_rate=3e-4"),
    Bad("", &["  =  "], "--set $", "the value is missing", "write --set key=value, for example --set optimizer.learning_rate=3e-4"),
    Bad("", &["optimizer={name=\"sgd\", beta_1=2}"], "--set beta_1", "`optimizer.beta_1` is not used when `optimizer.name` is `sgd`", "only `adam`, `adamw` use it: remove it or choose another `name`"),
    Bad("", &["seed.=3"], "--set =", "the key is missing", "write --set key=value, for example --set optimizer.learning_rate=3e-4"),
    Bad("", &["model.hidden=[512, x]"], "--set x", "this is neither a number nor text in quotes", "write \"...\" around text; a list is [256, 128]"),
    Bad("", &["model.hidden = [512, -1]"], "--set -1", "`model.hidden` is -1, but must be 1 to 65536", "the default is [128]"),
    Bad("", &["name=\"x"], "--set $", "the text has no closing quote", "write \"...\" around it"),
    // more of each
    Bad("[model]\nhidden = [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", &[], "my.toml:2:10", "65 hidden layers: at most 64", "use fewer or smaller hidden layers"),
    Bad("[schedule]\nname = \"step\"\nevery_epochs = 0", &[], "my.toml:3:16", "`schedule.every_epochs` is 0, but must be above 0", "the default is 5.0"),
    Bad("[schedule]\nname = \"step\"\nfactor = 1.5", &[], "my.toml:3:10", "`schedule.factor` is 1.5, but must be above 0 and at most 1", "the default is 0.5"),
    Bad("[schedule]\nname = \"cosine\"\nfinal_fraction = -0.1", &[], "my.toml:3:18", "`schedule.final_fraction` is -0.1, but must be 0 to 1", "the default is 0.0"),
    Bad("[schedule]\nname = \"one_cycle\"\nwarmup_epochs = 1", &[], "my.toml:3:17", "`schedule.warmup_epochs` is above 0, but one_cycle has a rise of its own", "remove `warmup_epochs`, and set `rise` if you need to"),
    Bad("[schedule]\nname = \"plateau\"", &[], "my.toml:2:8", "the schedule `plateau` watches the validation images, but `data.validation` is 0", "set `data.validation`, for example to 5000, or choose another schedule"),
    Bad("[training]\nclass_weights = \"ballanced\"", &[], "my.toml:2:17", "unknown value \"ballanced\" for `training.class_weights`", "did you mean `balanced`? the choices are `none`, `balanced`"),
    Bad("[training]\nclass_weights = 2", &[], "my.toml:2:17", "expected one of `none`, `balanced` or a list of numbers for `training.class_weights`, found the whole number 2", "for example [1.0, 2.5]"),
    Bad("[training]\nclass_weights = [1, -2.5]", &[], "my.toml:2:21", "`training.class_weights` is -2.5, but must be 0 or more", "the default is \"none\""),
    Bad("[training]\nclass_weights = [0, 0.0]", &[], "my.toml:2:17", "`training.class_weights` has no weight above 0", "give one weight for each class, for example [1.0, 2.5]"),
    Bad("[training]\nema = 1.0", &[], "my.toml:2:7", "`training.ema` is 1.0, but must be at least 0 and below 1", "the default is 0.0"),
    Bad("[schedule]\nwarmup_epochs = -1", &[], "my.toml:2:17", "`schedule.warmup_epochs` is -1, but must be 0 or more", "the default is 0.0"),
    Bad("[schedule]\nname = \"cosin\"", &[], "my.toml:2:8", "unknown value \"cosin\" for `schedule.name`", "did you mean `cosine`? the choices are `constant`, `cosine`, `step`, `one_cycle`, `plateau`"),
    Bad("[optimizer]\nweight_decay = -1e-4", &[], "my.toml:2:16", "`optimizer.weight_decay` is -1e-4, but must be 0 or more", "the default is 0.0"),
    Bad("[optimizer]\nweight_decay = 1e39", &[], "my.toml:2:16", "`optimizer.weight_decay` is 1e39, but must be a number that fits single precision", "the default is 0.0"),
    Bad("[optimizer]\nepsilon = 0.0", &[], "my.toml:2:11", "`optimizer.epsilon` is 0.0, but must be above 0", "the default is 1e-7"),
    Bad("[optimizer]\nname=\"sgd\"\nmomentum = 1.0", &[], "my.toml:3:12", "`optimizer.momentum` is 1.0, but must be at least 0 and below 1", "the default is 0.9"),
    Bad("[data]\nvalidation = -5", &[], "my.toml:2:14", "`data.validation` is -5, but must be 0 to 4294967295", "the default is 0"),
    Bad("[data]\nvalidation = 5e3", &[], "my.toml:2:14", "expected a whole number for `data.validation`, found the number 5000.0", "write 5000"),
    Bad("[data]\ndir = \"\"", &[], "my.toml:2:7", "`data.dir` has an empty text", "write something between the quotes"),
    Bad("[data]\nvalidation=9\n[early_stopping]\npatience = 0", &[], "my.toml:4:12", "`early_stopping.patience` is 0, but must be 1 to 100000", "the default is 3"),
    Bad("[data]\nvalidation=9\n[early_stopping]\nmetric = \"val_loss\"", &[], "my.toml:4:10", "unknown value \"val_loss\" for `early_stopping.metric`", "the choices are `loss`, `accuracy`, `top_2_accuracy`, `macro_f1`"),
    Bad("[data]\nvalidation=9\n[early_stopping]\nmin_delta = -1", &[], "my.toml:4:13", "`early_stopping.min_delta` is -1, but must be 0 or more", "the default is 0.0"),
    Bad("[data]\nvalidation=9\n[early_stopping]\npatients = 2", &[], "my.toml:4:1", "unknown key `patients` in [early_stopping]", "did you mean `patience`?"),
    Bad("name = \"a b\"", &[], "my.toml:1:8", "`name` has a character a folder name should not have", "use up to 64 letters a to z, digits, `-`, `_` and `.`"),
    Bad("name = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", &[], "my.toml:1:8", "`name` has more than 64 characters", "use up to 64 letters a to z, digits, `-`, `_` and `.`"),
    Bad("[training]\nepochs = 100001", &[], "my.toml:2:10", "`training.epochs` is 100001, but must be 1 to 100000", "the default is 10"),
    Bad("training.epochs = 3\n[training]\nbatch_size=3", &[], "my.toml:2:2", "this is set twice", "keep one of the two; a [table] may appear once"),
    Bad("[optimizer.adam]\nbeta_1 = 0.9", &[], "my.toml:1:12", "unknown key `adam` in [optimizer]", "the keys of [optimizer] are `name`, `learning_rate`, `beta_1`, `beta_2`, `epsilon`, `weight_decay`, `momentum`, `nesterov`"),
    Bad("[optimizer]\nlearning-rate = 0.1", &[], "my.toml:2:1", "unknown key `learning-rate` in [optimizer]", "did you mean `learning_rate`?"),
    Bad("[optimizer]\nbetas = [0.9, 0.999]", &[], "my.toml:2:1", "unknown key `betas` in [optimizer]", "did you mean `beta_1`?"),
    Bad("# nothing\n\nseed=1 name = 2", &[], "my.toml:3:8", "expected the end of the line", "write one setting per line"),
    Bad("seed=1,", &[], "my.toml:1:7", "expected the end of the line", "write one setting per line"),
    Bad("", &["seed=3 # three"], "--set 3 # three", "expected a whole number for `seed`, found the text \"3 # three\"", "for example 42"),
    Bad("", &["optimiser.name=sgd"], "--set optimiser", "unknown table [optimiser]", "did you mean [optimizer]?"),
    Bad("", &["schedule.factor=0.1"], "--set factor", "`schedule.factor` is not used when `schedule.name` is `constant`", "only `step`, `plateau` use it: remove it or choose another `name`"),
    Bad("", &["backend=gpu"], "--set gpu", "unknown value \"gpu\" for `backend`", "did you mean `wgpu`? the choices are `flex`, `ndarray`, `wgpu`, `auto`"),
    Bad("", &["data.validation=5000.0"], "--set 5000.0", "expected a whole number for `data.validation`, found the number 5000.0", "write 5000"),
    Bad("", &["training.epochs=1e3"], "--set 1e3", "expected a whole number for `training.epochs`, found the number 1000.0", "write 1000"),
    Bad("", &["é.x=1"], "--set é", "a key is one name, or a table and a name with a `.` between them", "write --set key=value, for example --set optimizer.learning_rate=3e-4"),
    Bad("name = \"ünïcödé\"", &[], "my.toml:1:8", "`name` has a character a folder name should not have", "use up to 64 letters a to z, digits, `-`, `_` and `.`"),
    Bad("\t[optimizer]\n\t\tlearning_rate\t=\t\"x\"", &[], "my.toml:2:19", "expected a number for `optimizer.learning_rate`, found the text \"x\"", "for example 0.001"),
    Bad("seed = 1\r\nsede = 2\r\n", &[], "my.toml:2:1", "unknown key `sede`", "did you mean `seed`?"),
    Bad("\u{feff}sede = 1", &[], "my.toml:1:1", "unknown key `sede`", "did you mean `seed`?"),
];

pub fn load_text(text: &str, overrides: &[&str]) -> Result<Experiment, ConfigError> {
    let source = Source {
        label: "my.toml".to_owned(),
        text: text.to_owned(),
    };
    load(
        source,
        &overrides
            .iter()
            .map(|o| (*o).to_owned())
            .collect::<Vec<_>>(),
    )
}

fn place_of(error: &ConfigError) -> String {
    let Some(place) = error.place() else {
        return String::new();
    };
    let marked: String = place
        .excerpt
        .chars()
        .skip(place.caret.start)
        .take(place.caret.len())
        .collect();
    match &place.file {
        Some((file, line, column)) => format!("{file}:{line}:{column}"),
        None if marked.is_empty() => "--set $".to_owned(),
        None => format!("--set {marked}"),
    }
}

#[test]
fn mistakes_are_named_with_place_and_hint() {
    for Bad(text, overrides, place, message, hint) in BAD {
        let error = match load_text(text, overrides) {
            Err(error) => error,
            Ok(_) => panic!("{text:?} {overrides:?} loads"),
        };
        let found = (
            place_of(&error),
            error.message(),
            error.advice().unwrap_or(""),
        );
        assert_eq!(
            found,
            ((*place).to_owned(), *message, *hint),
            "{text:?} {overrides:?}"
        );
    }
}

/// Returns the error as a user sees it.
fn shown(text: &str, overrides: &[&str]) -> String {
    format!("error: {}", load_text(text, overrides).unwrap_err())
}

#[test]
fn errors_as_they_are_shown() {
    let text = format!(
        "{}[optimizer]\nlearning_rat = 0.001\n",
        "# a line\n".repeat(10)
    );
    insta::assert_snapshot!(shown(&text, &[]), @r#"
    error: my.toml:12:1: unknown key `learning_rat` in [optimizer]
       |
    12 | learning_rat = 0.001
       | ^^^^^^^^^^^^
    hint: did you mean `learning_rate`?
    "#);
    insta::assert_snapshot!(shown("", &["optimizer.learning_rat=0.1"]), @r#"
    error: unknown key `learning_rat` in [optimizer]
      |
      | --set optimizer.learning_rat=0.1
      |                 ^^^^^^^^^^^^
    hint: did you mean `learning_rate`?
    "#);
    insta::assert_snapshot!(shown("", &["backend=gpu"]), @r#"
    error: unknown value "gpu" for `backend`
      |
      | --set backend=gpu
      |               ^^^
    hint: did you mean `wgpu`? the choices are `flex`, `ndarray`, `wgpu`, `auto`
    "#);
    insta::assert_snapshot!(shown("[model]\nhidden = [256,\n  128", &[]), @r#"
    error: my.toml:3:6: the list has no closing `]`
      |
    3 |   128
      |      ^
    hint: write [256, 128]
    "#);
    insta::assert_snapshot!(shown("[early_stopping]\npatience = 3\n", &[]), @r#"
    error: my.toml:1:1: early stopping watches the validation images, but `data.validation` is 0
      |
    1 | [early_stopping]
      | ^^^^^^^^^^^^^^^^
    hint: set `data.validation`, for example to 5000, or remove [early_stopping]
    "#);
    insta::assert_snapshot!(shown("[optimizer]\nname = \"sgd\"\nbeta_1 = 0.9", &[]), @r#"
    error: my.toml:3:1: `optimizer.beta_1` is not used when `optimizer.name` is `sgd`
      |
    3 | beta_1 = 0.9
      | ^^^^^^
    hint: only `adam`, `adamw` use it: remove it or choose another `name`
    "#);
    insta::assert_snapshot!(shown("[data]\n\tnam = \"\u{e9}\u{1F457}\"\t\r\n", &[]), @r#"
    error: my.toml:2:2: unknown key `nam` in [data]
      |
    2 |     nam = "é👗"    
      |     ^^^
    hint: did you mean `name`?
    "#);
    insta::assert_snapshot!(shown(&format!("name = \"{}\"; seed = 1", "long ".repeat(100)), &[]), @r#"
    error: my.toml:1:510: expected the end of the line
      |
    1 | …g long long long long long long long long long "; seed = 1
      |                                                  ^
    hint: write one setting per line
    "#);
    insta::assert_snapshot!(shown("seed = \"\u{202e}\" # \u{202e}\u{1b}[31m", &[]), @r#"
    error: my.toml:1:15: invalid comment character, expected printable characters
      |
    1 | seed = "\u{202e}" # \u{202e}\u{1b}[31m
      |                             ^^^^^^
    hint: the format is TOML, see https://toml.io
    "#);
    insta::assert_snapshot!(shown("seed = \"\u{202e}\" # \u{202e}", &[]), @r#"
    error: my.toml:1:8: expected a whole number for `seed`, found the text "\u{202e}"
      |
    1 | seed = "\u{202e}" # \u{202e}
      |        ^^^^^^^^^^
    hint: for example 42
    "#);
    insta::assert_snapshot!(shown("[schedule]\nwarmup_epochs = 2.0", &["training.epochs=2"]), @r#"
    error: `schedule.warmup_epochs` is 2.0, but `training.epochs` is 2
      |
      | --set training.epochs=2
      |                       ^
    hint: the warm-up must end before the last epoch does
    "#);
}

#[test]
fn a_very_long_line_is_shortened() {
    let text = format!("x = \"{}\"", "\u{e9}".repeat(MAX_BYTES as usize / 2));
    let error = load_text(&text, &[]).unwrap_err();
    assert!(error.to_string().len() < 600);
    assert_eq!(place_of(&error), "my.toml:1:1");
    let error = load_text("", &[&text.replace('x', "name")]).unwrap_err();
    assert!(error.to_string().len() < 600);
}

#[test]
fn deep_nesting_is_refused() {
    let deep = 100_000;
    for text in [
        format!("x = {}", "[".repeat(deep)),
        format!("x = {}", "{a = ".repeat(deep)),
        format!("{}x = 1", "a.".repeat(deep)),
        format!("[{}x]", "a.".repeat(deep)),
        format!("[[{}x]]", "a.".repeat(deep)),
    ] {
        assert!(load_text(&text, &[]).unwrap_err().to_string().len() < 600);
        assert!(load_text("", &[&text]).unwrap_err().to_string().len() < 600);
        assert!(load_text("", &[&format!("seed={}", &text[4..])]).is_err());
    }
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let fails = |path: &Path| {
        let error = Source::read(path).unwrap_err();
        assert_eq!(error.place(), None);
        error
            .to_string()
            .replace(&folder.path().display().to_string(), "DIR")
    };
    fs::write(path("deep.toml"), "seed = 1").unwrap();
    fs::write(path("quick.toml"), "").unwrap();
    fs::write(path("notes.txt"), "").unwrap();
    fs::write(path("latin.toml"), b"name = 'a'\n# caf\xe9\n").unwrap();
    fs::write(path("large.toml"), vec![b'#'; MAX_BYTES as usize + 1]).unwrap();
    fs::write(path("full.toml"), vec![b'#'; MAX_BYTES as usize]).unwrap();

    assert_eq!(Source::read(&path("deep.toml")).unwrap().text, "seed = 1");
    assert_eq!(
        Source::read(&path("full.toml")).unwrap().text.len() as u64,
        MAX_BYTES
    );
    insta::assert_snapshot!(fails(&path("zebra.toml")), @r#"
    cannot read DIR/zebra.toml: there is no such file
    hint: DIR has deep.toml, full.toml, large.toml, latin.toml, quick.toml
    "#);
    insta::assert_snapshot!(fails(&path("deeep.toml")), @r#"
    cannot read DIR/deeep.toml: there is no such file
    hint: did you mean DIR/deep.toml?
    "#);
    insta::assert_snapshot!(fails(&path("quick")), @r#"
    cannot read DIR/quick: there is no such file
    hint: did you mean DIR/quick.toml?
    "#);
    insta::assert_snapshot!(fails(folder.path()), @r#"
    cannot read DIR: it is a folder
    hint: DIR has deep.toml, full.toml, large.toml, latin.toml, quick.toml
    "#);
    insta::assert_snapshot!(fails(&path("latin.toml")), @r#"
    DIR/latin.toml:2: this is not UTF-8 text (byte 16)
    hint: save the file as UTF-8, or give the TOML file of an experiment
    "#);
    insta::assert_snapshot!(fails(&path("large.toml")), @r#"
    DIR/large.toml is larger than 1 MiB, too large for a config
    hint: give the TOML file of an experiment
    "#);
}

#[test]
fn what_depends_on_the_data() {
    let check = |validation: usize, batch: usize, images: usize, expect: &str| {
        let sets = [
            format!("data.validation={validation}"),
            format!("training.batch_size={batch}"),
        ];
        let experiment = load_text("", &[&sets[0], &sets[1]]).unwrap();
        let found = experiment
            .check_data(images, 0, 10)
            .map_or_else(|error| error.to_string(), |()| String::new());
        assert_eq!(found, expect);
    };
    let weights = load_text("", &["training.class_weights=[1, 2]"]).unwrap();
    assert_eq!(weights.check_data(60_000, 0, 2), Ok(()));
    let error = weights.check_data(60_000, 0, 10).unwrap_err().to_string();
    let two = "`training.class_weights` has 2, but there are 10 classes\n\
               hint: give one weight for each class, in the order of the labels";
    assert_eq!(error, two);
    let all =
        "`data.validation` holds out 60000 of 60000 training images\nhint: hold out 0 to 59999";
    check(0, 32, 60_000, "");
    check(59_999, 1, 60_000, "");
    check(0, 60_000, 60_000, "");
    check(60_000, 1, 60_000, all);
    check(70_000, 1, 60_000, &all.replace("out 6", "out 7"));
    check(
        0,
        1,
        0,
        "the data set has no training images\nhint: check the folder `data.dir`",
    );
    check(
        5,
        6,
        10,
        "`training.batch_size` is 6, but there are 5 images to train on\nhint: use 1 to 5",
    );
    let stopping = load_text("[early_stopping]\n[data]\ndir = \"mine\"", &[]).unwrap();
    assert_eq!(stopping.check_data(100, 10, 10), Ok(()));
    let none = stopping.check_data(100, 0, 10).unwrap_err().to_string();
    assert!(none.contains("and the files have none"), "{none}");
}
