/** What Python sends: see payload.py, catalog.py and session.py. Sizes are [height, width]; places are input pixels. */
declare namespace Page {
  /** Named in several languages, by their codes; English is always there. */
  type Names = Record<string, string>;
  type Texts = Record<string, Record<string, string>>;
  /** [top, left, bottom, right] in input pixels; the last two are behind the last pixel. */
  type Box = [number, number, number, number];
  type Frame = 'original' | 'resized' | 'network';
  type Role = 'input' | 'contracting' | 'skip' | 'fusion' | 'expansive' | 'score';

  /** Where a map's size along one axis comes from: a text `derive.<code>` and what fills it. */
  interface Formula {
    code: 'input' | 'kept' | 'same' | 'plain' | 'ceil' | 'floor' | 'crop';
    values: Record<string, number | string>;
  }

  /** A step's maps as one 8-bit picture of tiles, with the values that the codes 0 and 255 stand for, per channel. */
  interface Mosaic {
    file: string;
    tile: [number, number];
    columns: number;
    reduction: number;
    min: number[];
    max: number[];
    /** Codes are indices of classes, which have these colours on the page. */
    labels?: boolean;
    colours?: Uint32Array;
  }

  /** A prediction on the way: from `step` on all score layers that are left are in it; those of finer levels are zero.
   *  The last stage is the prediction. */
  interface Stage {
    step: string;
    zeroed: string[];
    labels: string;
  }

  interface Step {
    name: string;
    op: string;
    inputs: string[];
    /** Those of the inputs whose values it reads: of a crop's reference it takes the size alone. */
    reads: string[];
    role: Role;
    /** Of resolution; 0 is the finest. */
    level: number;
    /** Whether its channels are the classes. */
    scores: boolean;
    /** Channels, height, width. */
    shape: [number, number, number];
    settings: Record<string, any>;
    /** Height and width; null if the operation is not known. */
    size: [Formula, Formula] | null;
    /** What fills the operation's sentence, beside sizes, channels and settings. */
    numbers: Record<string, any>;
    /** How far apart, in rows and columns of input pixels, the units stand that meet here. */
    misaligned: [number, number];
    parameters: number;
    macs: number;
    ms: number | null;
    /** Null of labels, which are no quantities. */
    stats: Record<'min' | 'max' | 'mean' | 'std' | 'zeros', number | null> | null;
    /** Indices of axes; null behind an operation that is not known. */
    rows: number | null;
    cols: number | null;
    /** Sides of the square that one unit depends on; `reach` [first, last] of the first units, not clipped. */
    field: number[];
    reach: [number, number][];
    maps: Mosaic;
  }

  /** Along one axis: where units stand, and the first and last input pixel that each depends on. */
  interface Axis {
    jump: number;
    start: number;
    lo: number[];
    hi: number[];
  }

  interface Crop {
    step: string;
    source: string;
    reference: string;
    offset: number;
    kept: [number, number];
    stands: Box;
    standsWhole: Box;
    sees: Box | null;
    dropsNothing: boolean;
  }

  interface Class {
    id: string;
    name: Names;
    colour: [number, number, number];
  }

  interface Note {
    code: string;
    details: Record<string, any>;
  }

  interface Run {
    file: string;
    title: string;
    device: string;
    deviceName: any;
    seconds: Record<string, number>;
    parameters: number;
    macs: number;
    frames: Record<Frame, [number, number]>;
    offset: [number, number];
    pictures: Record<'original' | 'resized' | 'network' | 'labels' | 'confidence', string>;
    probabilities: { file: string; tile: [number, number]; columns: number; reduction: number; steps: number };
    classes: Class[];
    notes: Note[];
    shares: number[];
    stages: Stage[];
    steps: Step[];
    crops: Crop[];
    axes: Axis[];
  }

  /** Which page of a file is read, and which channels, from 0; null: those that are usual. */
  interface How {
    page: number;
    channels: number[] | null;
  }

  interface Given {
    file: File;
    how: How;
  }

  interface Selection {
    model: string;
    checkpoint: string;
    padding: string;
    image: string;
    size: number;
    device: string;
    altered: string;
    against: string;
  }

  interface Model {
    key: string;
    title: string;
    family: string;
    paddings: string[];
    size: number;
    cards: string[];
  }

  /** Measured figures: padding -> network -> figure -> share of 1. */
  interface Measured {
    images: number;
    figures: Record<string, Record<string, Record<string, number | null>>>;
    standard_errors?: Record<string, Record<string, Record<string, number>>>;
    /** Class -> images that show it, and by padding its IoU in per cent. */
    classes?: Record<string, Record<string, number>>;
  }

  interface Card {
    name: string;
    title: Names;
    family: string;
    data: string;
    examples: string;
    /** By network, the padding that it runs in on them unless another is chosen. */
    paddings?: Record<string, string>;
    licence: Names;
    note: Names;
    width: { share: number; fc: number | null; fcWhole: number; whole: Record<string, number> } | null;
    /** Weights that agree in it make maps of one shape of a network. */
    widths: string;
    unseen: Measured | null;
    validation: Measured | null;
    /** The last weights of the training that these are from, where others of it are there, too. */
    series: string | null;
    /** Steps of training, where the card says them. */
    steps: number | null;
  }

  interface Example {
    file: string;
    family: string;
    title: Names;
    credit: string;
    licence: Names;
    thumbnail: string;
    /** By network, the weights that it runs on unless others are chosen. */
    usual?: Record<string, string>;
  }

  interface Catalog {
    models: Model[];
    cards: Card[];
    examples: Example[];
    languages: { code: string; name: string }[];
    sizes: number[];
    devices: string[];
    mostBytes: number;
    lessons: Lesson[];
    lessonsFile: string;
    files: string;
    /** Of own images, by their ids, what they show: as the server tells with each answer. */
    domains?: Record<string, string>;
    /** Of own images, by their ids and by network, the weights that are usual for them. */
    usual?: Record<string, Record<string, string>>;
    colours: {
      sequential: Record<string, number[][]>;
      diverging: number[][];
      divergingName: string;
      heat: number[][];
      roles: Record<string, string>;
    };
    texts: Texts;
  }

  /** A unit of a map; channel null is all of them. */
  interface Unit {
    channel: number | null;
    row: number;
    column: number;
  }

  /** One-byte codes of a picture. */
  interface Codes {
    pixels: Uint8Array;
    width: number;
    height: number;
  }

  /** A value of a lesson: see explorer/lessons/parts.py. */
  interface LessonValue {
    source: 'step' | 'run' | 'unit' | 'fact' | 'table';
    parts: string[];
    where: string[][];
    then: string;
    other: LessonValue | null;
  }

  interface LessonChoice {
    text: any[];
    low: number | null;
    high: number | null;
    word: string | null;
  }

  interface LessonAsk {
    kind: 'choice' | 'number' | 'place';
    text: any[][];
    choices: LessonChoice[];
    measured: number | 'field' | 'crop';
    unit: string;
  }

  interface Lesson {
    key: string;
    minutes: number;
    steps: number;
    title: Names;
    summary: Names;
  }

  type Words = import('./i18n.js').Words;
  type Trace = import('./explore/trace.js').Trace;
  type Colours = import('./colour.js').Colours;
  type Asker = import('./explore/asker.js').Asker;
  type Scheme = ReturnType<Colours['scheme']>;
}
